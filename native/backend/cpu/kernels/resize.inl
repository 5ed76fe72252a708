// One place of a bilinear resize, over all channels: out = sum of four weighted places.
void blend_places(float* __restrict out, const float* a, const float* b, const float* c,
                  const float* d, const float* weights, int64_t channels) {
  for (int64_t i = 0; i < channels; ++i) {
    out[i] = (a[i] * weights[0] + b[i] * weights[1]) + (c[i] * weights[2] + d[i] * weights[3]);
  }
}

// acc += x * factor
void add_scaled(float* __restrict acc, const float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) acc[i] += x[i] * factor;
}
