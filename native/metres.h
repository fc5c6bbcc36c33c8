/* A depth picture's numbers -> metres, in one pass.
 *
 * As n3d_ros/preprocess/metres.py does it with numpy: multiplied in float64, rounded once to float32, NaN for what is no
 * depth. Out is (height, width) in one piece; rows of `raw` are row_step numbers apart. */
#include <float.h>
#include <math.h>

#include "kernels.h"

/* Numbers of 16 bits, of which those from low to high count. */
INLINE void row_of_integers(const uint16_t *restrict raw, int64_t width, double scale, int32_t low, int32_t high,
                            float *restrict out) {
    for (int64_t i = 0; i < width; i++) {
        const int32_t units = raw[i];
        const float metres = (float)((double)units * scale);
        out[i] = ((units >= low) & (units <= high)) ? metres : NAN;
    }
}

int EXPORT(n3d_metres_of_integers)(const uint16_t *raw, int64_t row_step, int64_t height, int64_t width, double scale,
                                   int64_t low, int64_t high, float *out) {
    for (int64_t y = 0; y < height; y++)
        row_of_integers(raw + y * row_step, width, scale, (int32_t)low, (int32_t)high, out + y * width);
    return N3D_DONE;
}

/* Numbers of 32 bits, of which those count that are distances afterwards. */
INLINE void row_of_floats(const float *restrict raw, int64_t width, double scale, float *restrict out) {
    for (int64_t i = 0; i < width; i++) {
        const float metres = (float)((double)raw[i] * scale);
        out[i] = ((metres > 0.0f) & (metres <= FLT_MAX)) ? metres : NAN;
    }
}

int EXPORT(n3d_metres_of_floats)(const float *raw, int64_t row_step, int64_t height, int64_t width, double scale, float *out) {
    for (int64_t y = 0; y < height; y++) row_of_floats(raw + y * row_step, width, scale, out + y * width);
    return N3D_DONE;
}
