/* What every machine of a kind has: SSE2 on x86-64, NEON on aarch64, plain C elsewhere. */
#include "kernels.h"

#define N3D_PATH baseline
#include "metres.h"
#include "picture.h"
#include "points.h"
#include "surface.h"
