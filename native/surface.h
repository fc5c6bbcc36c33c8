/* Points that cover pixels -> the nearest one at each pixel.
 *
 * As n3d_ros/preprocess/registration.py does it with numpy, which has to sort all points by their distance. The least of
 * several numbers is the same in any order. */
#include <math.h>

#include "kernels.h"

/* pixels, reach: (n, 2), where a point lies and how far on each side it covers the middles of pixels. z: (n). out: (height,
 * width), the least z as a float, NaN where there is none. */
int EXPORT(n3d_nearest_surface)(const double *pixels, const double *reach, const double *z, int64_t n, int64_t height,
                                int64_t width, float *out) {
    for (int64_t i = 0; i < height * width; i++) out[i] = INFINITY;
    for (int64_t i = 0; i < n; i++, pixels += 2, reach += 2) {
        const double left = ceil(pixels[0] - reach[0]), right = floor(pixels[0] + reach[0]);
        const double top = ceil(pixels[1] - reach[1]), bottom = floor(pixels[1] + reach[1]);
        /* before they become integers; false for NaN */
        if (!(left < (double)width && right >= 0.0 && top < (double)height && bottom >= 0.0)) continue;
        const int64_t first_u = left > 0.0 ? (int64_t)left : 0, first_v = top > 0.0 ? (int64_t)top : 0;
        const int64_t last_u = right < (double)width ? (int64_t)right : width - 1;
        const int64_t last_v = bottom < (double)height ? (int64_t)bottom : height - 1;
        const float nearer = (float)z[i];
        for (int64_t v = first_v; v <= last_v; v++)
            for (int64_t u = first_u; u <= last_u; u++)
                if (nearer < out[v * width + u]) out[v * width + u] = nearer;
    }
    for (int64_t i = 0; i < height * width; i++) out[i] = out[i] < INFINITY ? out[i] : NAN;
    return N3D_DONE;
}
