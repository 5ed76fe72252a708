// Convolutions of each channel by itself, over pictures that lie row-major [N, H, W, C].

// A few places side by side, so that a tap's weights are read once for them.
constexpr int kPlaces = kTileRows < 6 ? kTileRows : 6;

struct DepthShare {
  const float* const* pointers;  // of each tap, each place; null where places are `step` apart
  const float* x;                // of the first place, then
  int64_t step, row;             // floats to the next place, to the next row of taps
  const float* ahead;            // what to fetch meanwhile: so many floats for each two registers of channels
  int64_t fetched;
};

// kWide registers of channels from channel c on; with one, only `width` of its channels.
template <int kRows, int kWide, bool kInside>
static inline void depth_lanes(const ConvShape& s, const ConvEpilogue& e, const DepthShare& share,
                               const float* kernel, float* out, const float* residual, int64_t c,
                               int64_t width) {
  auto load = [&](const float* from, int v) {
    return kWide == 1 ? load_some(from, width) : load_tile_lanes(from + v * kTileLanes);
  };
  TileLanes sums[kRows][kWide];
  for (int v = 0; v < kWide; ++v) {
    TileLanes bias = e.bias == nullptr ? TileLanes{} : load(e.bias + c, v);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sums[r][v] = bias;
  }
  const float* weights = kernel + c;
  const float* const* pointers = share.pointers;
  for (int64_t kh = 0; kh < s.kernel_height; ++kh) {
    const float* from = share.x + kh * share.row + c;
    for (int64_t kw = 0; kw < s.kernel_width; ++kw) {
      TileLanes w[kWide];
      for (int v = 0; v < kWide; ++v) w[v] = load(weights, v);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const float* at = kInside ? from + r * share.step : pointers[r] + c;
        for (int v = 0; v < kWide; ++v) sums[r][v] += w[v] * load(at, v);
      }
      weights += s.channels;
      from += s.channels;
      pointers += kRows;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kWide; ++v) {
      TileLanes sum = sums[r][v];
      if (residual != nullptr) sum += load(residual + r * s.filters + c, v);
      float* to = out + r * s.target_row + c + v * kTileLanes;
      store_some(to, clamp_lanes(sum, e.low, e.high), kWide == 1 ? width : kTileLanes);
    }
  }
}

template <int kRows, bool kInside>
static inline void depth_tile(const ConvShape& s, const ConvEpilogue& e, const DepthShare& share,
                              const float* kernel, float* out, const float* residual) {
  int64_t c = 0;
  const float* ahead = share.ahead;
  for (; c + kPanel <= s.channels; c += kPanel) {
    for (int64_t f = 0; f < share.fetched; f += 16) __builtin_prefetch(ahead + f, 0, 2);
    ahead += share.fetched;
    depth_lanes<kRows, 2, kInside>(s, e, share, kernel, out, residual, c, kPanel);
  }
  for (; c < s.channels; c += kTileLanes) {
    int64_t width = s.channels - c < kTileLanes ? s.channels - c : kTileLanes;
    depth_lanes<kRows, 1, kInside>(s, e, share, kernel, out, residual, c, width);
  }
}

template <int kRows>
void depth_places(const ConvShape& s, const ConvEpilogue& e, const float* zeros,
                                const float* kernel, const float* x, const float* ahead, int64_t fetched,
                  int64_t place, float* y) {
  WindowPlace begin = place_of(s, x, place);
  WindowPlace end = place_of(s, x, place + kRows - 1);
  float* out = y + place * s.target_row;
  const float* residual = e.residual == nullptr ? nullptr : e.residual + place * s.filters;
  bool inside = s.dilation_width == 1 && begin.column >= 0 &&
                end.column + s.kernel_width <= s.width && begin.row >= 0 &&
                begin.row + (s.kernel_height - 1) * s.dilation_height < s.height;
  if (inside) {
    const float* from = begin.picture + (begin.row * s.width + begin.column) * s.channels;
    DepthShare share = {nullptr, from, s.stride_width * s.channels,
                        s.dilation_height * s.width * s.channels, ahead, fetched};
    depth_tile<kRows, true>(s, e, share, kernel, out, residual);
    return;
  }
  const float* pointers[kWindowPointers];
  const float** next = pointers;
  for (int64_t kh = 0; kh < s.kernel_height; ++kh) {
    for (int64_t kw = 0; kw < s.kernel_width; ++kw) {
      for (int64_t r = 0; r < kRows; ++r) {
        int64_t row = begin.row + kh * s.dilation_height;
        int64_t column = begin.column + r * s.stride_width + kw * s.dilation_width;
        bool in = row >= 0 && row < s.height && column >= 0 && column < s.width;
        *next++ = in ? begin.picture + (row * s.width + column) * s.channels : zeros;
      }
    }
  }
  DepthShare share = {pointers, x, 0, 0, ahead, fetched};
  depth_tile<kRows, false>(s, e, share, kernel, out, residual);
}

using DepthPlacesFn = void (*)(const ConvShape&, const ConvEpilogue&, const float*, const float*,
                               const float*, const float*, int64_t, int64_t, float*);
constexpr DepthPlacesFn kDepthPlaces[kPlaces + 1] = {
    nullptr, depth_places<1>, depth_places<2>, depth_places<3>, depth_places<4>,
#if defined(__AVX2__)
    depth_places<5>, depth_places<6>,
#endif
};

// Three taps a row: what a column of the picture holds is read once for all places that it has a share in.
constexpr int kNear = kTileRows < 6 ? 6 : 8;

template <int kRows, int kStride>
void near_places(const ConvShape& s, const ConvEpilogue& e, const float* kernel, const float* x,
                 const float* ahead, int64_t fetched, int64_t place, float* y) {
  constexpr int kColumns = (kRows - 1) * kStride + 3;
  WindowPlace begin = place_of(s, x, place);
  bool skip_first = begin.column < 0;
  bool skip_last = begin.column + kColumns > s.width;
  int64_t above = begin.row < 0 ? -begin.row : 0;
  int64_t below = begin.row + s.kernel_height > s.height ? s.height - begin.row : s.kernel_height;
  const float* window = begin.picture + (begin.row * s.width + begin.column) * s.channels;
  float* out = y + place * s.target_row;
  const float* residual = e.residual == nullptr ? nullptr : e.residual + place * s.filters;
  TileLanes low = all_lanes(e.low), high = all_lanes(e.high);
  for (int64_t c = 0; c < s.channels; c += kTileLanes) {
    for (int64_t f = 0; f < fetched; f += 16) __builtin_prefetch(ahead + f, 0, 2);
    ahead += fetched;
    TileLanes sums[kRows];
    TileLanes bias = e.bias == nullptr ? TileLanes{} : load_tile_lanes(e.bias + c);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sums[r] = bias;
    for (int64_t kh = above; kh < below; ++kh) {
      const float* from = window + kh * s.width * s.channels + c;
      const float* weights = kernel + kh * 3 * s.channels + c;
      TileLanes w[3];
      for (int t = 0; t < 3; ++t) w[t] = load_tile_lanes(weights + t * s.channels);
#pragma GCC unroll 24
      for (int i = 0; i < kColumns; ++i) {
        if ((i == 0 && skip_first) || (i + 1 == kColumns && skip_last)) continue;
        TileLanes column = load_tile_lanes(from + i * s.channels);
#pragma GCC unroll 3
        for (int t = 0; t < 3; ++t) {
          int r = (i - t) / kStride;
          if (i >= t && (i - t) % kStride == 0 && r < kRows) sums[r] += w[t] * column;
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      TileLanes sum = sums[r];
      if (residual != nullptr) sum += load_tile_lanes(residual + r * s.filters + c);
      TileLanes least = sum < low ? low : sum;
      store_tile_lanes(out + r * s.target_row + c, least > high ? high : least);
    }
  }
}

using NearPlacesFn = void (*)(const ConvShape&, const ConvEpilogue&, const float*, const float*, const float*, int64_t,
                              int64_t, float*);
#define NEAR_PLACES(rows) {near_places<rows, 1>, near_places<rows, 2>}
constexpr NearPlacesFn kNearPlaces[kNear + 1][2] = {
    {nullptr, nullptr}, NEAR_PLACES(1), NEAR_PLACES(2), NEAR_PLACES(3), NEAR_PLACES(4), NEAR_PLACES(5), NEAR_PLACES(6),
#if defined(__AVX2__)
    NEAR_PLACES(7), NEAR_PLACES(8),
#endif
};
#undef NEAR_PLACES

// Whether no window has more than its first or last column outside.
static inline bool is_near(const ConvShape& s) {
  int64_t reach = (s.out_width - 1) * s.stride_width + 3 - s.left;
  return s.kernel_width == 3 && s.stride_width <= 2 && s.dilation_width == 1 && s.dilation_height == 1 &&
         s.left <= 1 && reach <= s.width + 1 && s.channels % kTileLanes == 0;
}

// Rows first..last of [N * out_height]; the kernel is [kernel_height, kernel_width, channels].
void convolve_depth(const ConvShape* shape, const ConvEpilogue* epilogue, float* y, const float* x,
                    const float* zeros, const float* kernel, int64_t first, int64_t last) {
  const ConvShape& s = *shape;
  bool near = is_near(s);
  int64_t most = near ? kNear : kPlaces;
  int64_t count = (s.out_width + most - 1) / most;
  // While a row is made, each tile fetches its part of what the next row reads for the first time.
  int64_t line = s.width * s.channels;
  int64_t fresh = s.stride_height * line;
  int64_t steps = s.channels / (near ? kTileLanes : kPanel);
  int64_t fetched = steps == 0 ? 0 : fresh / count / steps + 1;
  for (int64_t row = first; row < last; ++row) {
    WindowPlace below = place_of(s, x, row * s.out_width);
    const float* ahead = below.picture + (below.row + s.kernel_height * s.dilation_height) * line;
    for (int64_t t = 0; t < count; ++t) {
      int64_t begin = s.out_width * t / count;
      int64_t height = s.out_width * (t + 1) / count - begin;
      int64_t place = row * s.out_width + begin;
      if (near) {
        kNearPlaces[height][s.stride_width - 1](s, *epilogue, kernel, x, ahead, fetched, place, y);
      } else {
        kDepthPlaces[height](s, *epilogue, zeros, kernel, x, ahead, fetched, place, y);
      }
      ahead += fetched * steps;
    }
  }
}
