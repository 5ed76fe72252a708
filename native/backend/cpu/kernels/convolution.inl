// The gradient of a kernel that reads few channels: one sum over all places of a plane for each tap
// of the kernel and each of eight filters, kept in registers.
template <int T>
static void grad_taps(const TapShape& s, float* acc, const int64_t* offsets, const float* x,
                      const float* dy) {
  using F = typename Lanes<8>::Float;
  F sums[T] = {};
  for (int64_t oh = 0; oh < s.out_height; ++oh) {
    const float* from = x + oh * s.row_step;
    const float* g = dy + oh * s.out_width * s.block;
    for (int64_t ow = 0; ow < s.out_width; ++ow) {
      F gradient;
      LOAD(gradient, g + ow * s.block);
#pragma GCC unroll 9
      for (int t = 0; t < T; ++t) sums[t] += gradient * from[ow * s.column_step + offsets[t]];
    }
  }
#pragma GCC unroll 9
  for (int t = 0; t < T; ++t) {
    F total;
    LOAD(total, acc + t * s.filters);
    total += sums[t];
    STORE(acc + t * s.filters, total);
  }
}

void conv_grad_taps(const TapShape* s, float* acc, const int64_t* offsets, int64_t taps,
                    const float* x, const float* dy) {
  int64_t t = 0;
  for (; t + 9 <= taps; t += 9) grad_taps<9>(*s, acc + t * s->filters, offsets + t, x, dy);
  for (; t + 6 <= taps; t += 6) grad_taps<6>(*s, acc + t * s->filters, offsets + t, x, dy);
  for (; t + 3 <= taps; t += 3) grad_taps<3>(*s, acc + t * s->filters, offsets + t, x, dy);
  for (; t < taps; ++t) grad_taps<1>(*s, acc + t * s->filters, offsets + t, x, dy);
}
