// Pooling over one plane [height, width, block]: in blocked layouts a plane is one picture's block
// of channels, in row-major memory a whole picture. Windows are clipped to the plane.

struct Clip {
  int64_t first, last, origin;  // taps first..last - 1 lie inside; tap k at origin + k * dilation
};

static inline Clip clip(int64_t place, int64_t stride, int64_t before, int64_t taps,
                        int64_t dilation, int64_t size) {
  int64_t origin = place * stride - before;
  int64_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
  int64_t inside = size <= origin ? 0 : (size - origin + dilation - 1) / dilation;
  return {first, inside < taps ? inside : taps, origin};
}

// For each window: begin(offset of y, first tap inside, taps inside), then tap(offset of x, number of
// the tap) for each of its taps that lies inside, then end(offset of y).
template <typename Begin, typename Tap, typename End>
static inline void each_window(const PoolShape& s, Begin begin, Tap tap, End end) {
  for (int64_t oh = 0; oh < s.out_height; ++oh) {
    Clip rows = clip(oh, s.stride_height, s.top, s.kernel_height, s.dilation_height, s.height);
    for (int64_t ow = 0; ow < s.out_width; ++ow) {
      Clip columns = clip(ow, s.stride_width, s.left, s.kernel_width, s.dilation_width, s.width);
      int64_t y = (oh * s.out_width + ow) * s.block;
      begin(y, rows.first * s.kernel_width + columns.first,
            (rows.last - rows.first) * (columns.last - columns.first));
      for (int64_t kh = rows.first; kh < rows.last; ++kh) {
        int64_t row = (rows.origin + kh * s.dilation_height) * s.width;
        for (int64_t kw = columns.first; kw < columns.last; ++kw) {
          tap((row + columns.origin + kw * s.dilation_width) * s.block, kh * s.kernel_width + kw);
        }
      }
      end(y);
    }
  }
}

// A NaN wins, so that it is seen; of equal values the first.
template <int L>
static void max_lanes(const PoolShape& s, float* out, uint8_t* place, const float* x) {
  using F = typename Lanes<L>::Float;
  using I = typename Lanes<L>::Int;
  using B = typename Lanes<L>::Byte;
  F best = {};
  I at = {};
  each_window(
      s,
      [&](int64_t, int64_t first, int64_t) {
        best = F{} - __builtin_inff();
        at = I{} + static_cast<int32_t>(first);
      },
      [&](int64_t i, int64_t tap) {
        F value;
        LOAD(value, x + i);
        I better = (value > best) | (value != value);
        best = better ? value : best;
        at = better ? I{} + static_cast<int32_t>(tap) : at;
      },
      [&](int64_t i) {
        STORE(out + i, best);
        if (place == nullptr) return;
        B narrow = __builtin_convertvector(at, B);
        STORE(place + i, narrow);
      });
}

template <int L>
static void max_grad_lanes(const PoolShape& s, float* dx, const float* dy, const uint8_t* place) {
  using F = typename Lanes<L>::Float;
  using I = typename Lanes<L>::Int;
  using B = typename Lanes<L>::Byte;
  F gradient = {};
  I at = {};
  each_window(
      s,
      [&](int64_t i, int64_t, int64_t) {
        B narrow;
        LOAD(narrow, place + i);
        LOAD(gradient, dy + i);
        at = __builtin_convertvector(narrow, I);
      },
      [&](int64_t i, int64_t tap) {
        F sum;
        LOAD(sum, dx + i);
        sum += at == static_cast<int32_t>(tap) ? gradient : F{};
        STORE(dx + i, sum);
      },
      [](int64_t) {});
}

template <int L>
static void average_lanes(const PoolShape& s, float* out, const float* x) {
  using F = typename Lanes<L>::Float;
  F sum = {};
  float share = 0;
  each_window(
      s,
      [&](int64_t, int64_t, int64_t count) {
        sum = F{};
        share = 1.0f / static_cast<float>(count);
      },
      [&](int64_t i, int64_t) {
        F value;
        LOAD(value, x + i);
        sum += value;
      },
      [&](int64_t i) {
        F mean = sum * share;
        STORE(out + i, mean);
      });
}

template <int L>
static void average_grad_lanes(const PoolShape& s, float* dx, const float* dy) {
  using F = typename Lanes<L>::Float;
  F share = {};
  each_window(
      s,
      [&](int64_t i, int64_t, int64_t count) {
        LOAD(share, dy + i);
        share *= 1.0f / static_cast<float>(count);
      },
      [&](int64_t i, int64_t) {
        F sum;
        LOAD(sum, dx + i);
        sum += share;
        STORE(dx + i, sum);
      },
      [](int64_t) {});
}

void max_pool(const PoolShape* s, float* out, uint8_t* place, const float* x) {
#define CALL(L) max_lanes<L>(*s, out + lane, place == nullptr ? nullptr : place + lane, x + lane)
  EACH_LANES(s->block, CALL)
#undef CALL
}
void max_pool_grad(const PoolShape* s, float* dx, const float* dy, const uint8_t* place) {
  int64_t elements = s->height * s->width * s->block;
  for (int64_t i = 0; i < elements; ++i) dx[i] = 0;
#define CALL(L) max_grad_lanes<L>(*s, dx + lane, dy + lane, place + lane)
  EACH_LANES(s->block, CALL)
#undef CALL
}
void average_pool(const PoolShape* s, float* out, const float* x) {
#define CALL(L) average_lanes<L>(*s, out + lane, x + lane)
  EACH_LANES(s->block, CALL)
#undef CALL
}
void average_pool_grad(const PoolShape* s, float* dx, const float* dy) {
  int64_t elements = s->height * s->width * s->block;
  for (int64_t i = 0; i < elements; ++i) dx[i] = 0;
#define CALL(L) average_grad_lanes<L>(*s, dx + lane, dy + lane)
  EACH_LANES(s->block, CALL)
#undef CALL
}

// One window of row-major pictures: `from` is its first tap that lies inside.
struct PoolWindow {
  const float* from;
  int64_t rows, columns, row_step, column_step;
};

// The channels of kWide registers, `width` of them where that is fewer than one.
template <bool kMaximum, int kWide>
static inline void pool_window(const PoolWindow& w, float* out, int64_t c, int64_t width) {
  TileLanes sums[kWide];
  for (int v = 0; v < kWide; ++v) sums[v] = all_lanes(kMaximum ? -__builtin_inff() : 0.0f);
  for (int64_t row = 0; row < w.rows; ++row) {
    const float* from = w.from + row * w.row_step + c;
    for (int64_t column = 0; column < w.columns; ++column) {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) {
        TileLanes value =
            kWide == 1 ? load_some(from, width) : load_tile_lanes(from + v * kTileLanes);
        if (kMaximum)
          sums[v] = (value > sums[v]) | (value != value) ? value : sums[v];
        else
          sums[v] += value;
      }
      from += w.column_step;
    }
  }
  float share = 1.0f / static_cast<float>(w.rows * w.columns);
#pragma GCC unroll 4
  for (int v = 0; v < kWide; ++v) {
    TileLanes result = kMaximum ? sums[v] : sums[v] * share;
    if (kWide == 1)
      store_some(out + c, result, width);
    else
      store_tile_lanes(out + c + v * kTileLanes, result);
  }
}

// Rows first..last of [N * out_height] of row-major pictures, where no gradient will ask: all channels
// of a window before the next one, so that memory is read in its order.
template <bool kMaximum>
static inline void pool_rows(const PoolShape& s, float* out, const float* x, int64_t first,
                             int64_t last) {
  constexpr int kWide = 4;
  constexpr int64_t kStep = kWide * kTileLanes;
  for (int64_t row = first; row < last; ++row) {
    const float* picture = x + row / s.out_height * s.height * s.width * s.block;
    Clip rows = clip(row % s.out_height, s.stride_height, s.top, s.kernel_height,
                     s.dilation_height, s.height);
    int64_t line = rows.origin + rows.first * s.dilation_height;
    for (int64_t ow = 0; ow < s.out_width; ++ow) {
      Clip columns = clip(ow, s.stride_width, s.left, s.kernel_width, s.dilation_width, s.width);
      int64_t column = columns.origin + columns.first * s.dilation_width;
      PoolWindow window = {picture + (line * s.width + column) * s.block,
                           rows.last - rows.first, columns.last - columns.first,
                           s.dilation_height * s.width * s.block, s.dilation_width * s.block};
      float* y = out + (row * s.out_width + ow) * s.block;
      int64_t c = 0;
      for (; c + kStep <= s.block; c += kStep) {
        pool_window<kMaximum, kWide>(window, y, c, kTileLanes);
      }
      for (; c < s.block; c += kTileLanes) {
        int64_t width = s.block - c < kTileLanes ? s.block - c : kTileLanes;
        pool_window<kMaximum, 1>(window, y, c, width);
      }
    }
  }
}
void max_pool_rows(const PoolShape* s, float* out, const float* x, int64_t first, int64_t last) {
  pool_rows<true>(*s, out, x, first, last);
}
void average_pool_rows(const PoolShape* s, float* out, const float* x, int64_t first,
                       int64_t last) {
  pool_rows<false>(*s, out, x, first, last);
}
