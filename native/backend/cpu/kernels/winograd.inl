// Convolutions of 3 x 3 taps, one place apart, by Winograd's F(4 x 4, 3 x 3) (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016): a tile of 4 x 4 results takes 36 products
// for each pair of channels instead of 144. Windows of 6 x 6 are turned into 36 numbers a channel,
// each of which is one row of one of 36 matrix products; the results are turned back. The
// interpolation points are 0, +-3/4, +-3/2 and infinity, whose constants are exact: with shares of
// kShare channels the rounding error is 1.4 times that of adding up all taps of 256 channels in
// order (with 0, +-1, +-2 and no shares, 5 times).

constexpr int64_t kTile = kWinogradTile;
constexpr int64_t kSpan = kTile + 2;  // places of the picture that a tile reads, along each side
constexpr int64_t kBands = kWinogradBands;
constexpr int64_t kGoPanels = kWinogradGo;
static_assert(kBands == kSpan * kSpan);
// Channels that are added up by themselves: turning back enlarges the error of sums, and short ones
// have less.
constexpr int64_t kShare = 64;

// B'x: six numbers of a window's row or column.
static inline void turn_window(const TileLanes* x, int64_t step, TileLanes* to, int64_t to_step) {
  TileLanes x0 = x[0], x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step],
            x5 = x[5 * step];
  TileLanes near_even = x4 - 2.25f * x2, near_odd = x3 - 2.25f * x1;
  TileLanes far_even = x4 - 0.5625f * x2, far_odd = x3 - 0.5625f * x1;
  to[0] = (x4 + 1.265625f * x0) - 2.8125f * x2;
  to[to_step] = near_even + 0.75f * near_odd;
  to[2 * to_step] = near_even - 0.75f * near_odd;
  to[3 * to_step] = far_even + 1.5f * far_odd;
  to[4 * to_step] = far_even - 1.5f * far_odd;
  to[5 * to_step] = (x5 + 1.265625f * x1) - 2.8125f * x3;
}

// A'm: four results of six sums.
static inline void turn_back(const TileLanes* m, int64_t step, TileLanes* to, int64_t to_step) {
  TileLanes near_sum = m[step] + m[2 * step], near_gap = m[step] - m[2 * step];
  TileLanes far_sum = m[3 * step] + m[4 * step], far_gap = m[3 * step] - m[4 * step];
  to[0] = m[0] + (near_sum + far_sum);
  to[to_step] = 0.75f * near_gap + 1.5f * far_gap;
  to[2 * to_step] = 0.5625f * near_sum + 2.25f * far_sum;
  to[3 * to_step] = m[5 * step] + (0.421875f * near_gap + 3.375f * far_gap);
}

// G g: three weights of a row or column of the kernel.
static inline void turn_weights(const TileLanes* g, int64_t step, TileLanes* to, int64_t to_step) {
  TileLanes g0 = g[0], g1 = g[step], g2 = g[2 * step];
  TileLanes near_even = (-128.0f / 243.0f) * g0 - (8.0f / 27.0f) * g2;
  TileLanes near_odd = (-32.0f / 81.0f) * g1;
  TileLanes far_even = (32.0f / 243.0f) * g0 + (8.0f / 27.0f) * g2;
  TileLanes far_odd = (16.0f / 81.0f) * g1;
  to[0] = (64.0f / 81.0f) * g0;
  to[to_step] = near_even + near_odd;
  to[2 * to_step] = near_even - near_odd;
  to[3 * to_step] = far_even + far_odd;
  to[4 * to_step] = far_even - far_odd;
  to[5 * to_step] = g2;
}

// Panels begin..end of what the bands are multiplied by: for each go of kGoPanels, for each band,
// its panels. The kernel is [3, 3, channels, filters]; filters are whole panels.
void pack_winograd(const ConvShape* shape, float* packed, const float* kernel, int64_t begin,
                   int64_t end) {
  int64_t channels = shape->channels;
  int64_t panels = shape->filters / kPanel;
  for (int64_t panel = begin; panel < end; ++panel) {
    int64_t go = panel / kGoPanels * kGoPanels;
    int64_t wide = panels - go < kGoPanels ? panels - go : kGoPanels;
    float* to = packed + (go * kBands + (panel - go)) * channels * kPanel;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t v = 0; v < kPanel; v += kTileLanes) {
        const float* from = kernel + c * shape->filters + panel * kPanel + v;
        TileLanes taps[9], rows[3 * kSpan], bands[kBands];
        for (int64_t tap = 0; tap < 9; ++tap) {
          taps[tap] = load_tile_lanes(from + tap * channels * shape->filters);
        }
        for (int64_t i = 0; i < 3; ++i) turn_weights(taps + i * 3, 1, rows + i * kSpan, 1);
        for (int64_t j = 0; j < kSpan; ++j) turn_weights(rows + j, kSpan, bands + j, kSpan);
        for (int64_t band = 0; band < kBands; ++band) {
          store_tile_lanes(to + (band * wide * channels + c) * kPanel + v, bands[band]);
        }
      }
    }
  }
}

struct TilePlace {
  int64_t picture, row, column;  // of the first result
};
static inline TilePlace tile_place(const ConvShape& s, int64_t tile) {
  int64_t across = (s.out_width + kTile - 1) / kTile;
  int64_t down = (s.out_height + kTile - 1) / kTile;
  return {tile / across / down, tile / across % down * kTile, tile % across * kTile};
}

// Windows of tiles first..last of all pictures: band b of tile t, channel c goes to
// bands[b * step + (t - first) * channels + c]. What lies outside a picture is read from `zeros`.
void winograd_windows(const ConvShape* shape, float* bands, int64_t step, const float* x,
                      const float* zeros, int64_t first, int64_t last) {
  const ConvShape& s = *shape;
  for (int64_t tile = first; tile < last; ++tile) {
    TilePlace place = tile_place(s, tile);
    const float* picture = x + place.picture * s.height * s.width * s.channels;
    const float* from[kBands];
    for (int64_t i = 0; i < kBands; ++i) {
      int64_t row = place.row - s.top + i / kSpan;
      int64_t column = place.column - s.left + i % kSpan;
      bool in = row >= 0 && row < s.height && column >= 0 && column < s.width;
      from[i] = in ? picture + (row * s.width + column) * s.channels : zeros;
    }
    float* to = bands + (tile - first) * s.channels;
    for (int64_t c = 0; c < s.channels; c += kTileLanes) {
      TileLanes rows[kBands];
#pragma GCC unroll 6
      for (int64_t i = 0; i < kSpan; ++i) {
        TileLanes window[kSpan];
        for (int64_t j = 0; j < kSpan; ++j) window[j] = load_tile_lanes(from[i * kSpan + j] + c);
        turn_window(window, 1, rows + i * kSpan, 1);
      }
#pragma GCC unroll 6
      for (int64_t j = 0; j < kSpan; ++j) {
        TileLanes column[kSpan];
        turn_window(rows + j, kSpan, column, 1);
        for (int64_t i = 0; i < kSpan; ++i)
          store_tile_lanes(to + (i * kSpan + j) * step + c, column[i]);
      }
    }
  }
}

// Tiles first..last of filters j..j + width back from sums[b * step + (t - first) * width + filter
// - j].
static void winograd_results(const ConvShape& s, const ConvEpilogue& e, float* y, const float* sums,
                             int64_t step, int64_t first, int64_t last, int64_t j, int64_t width) {
  for (int64_t tile = first; tile < last; ++tile) {
    TilePlace place = tile_place(s, tile);
    int64_t down = s.out_height - place.row < kTile ? s.out_height - place.row : kTile;
    int64_t across = s.out_width - place.column < kTile ? s.out_width - place.column : kTile;
    int64_t at = (place.picture * s.out_height + place.row) * s.out_width + place.column;
    for (int64_t v = 0; v < width; v += kTileLanes) {
      const float* from = sums + (tile - first) * width + v;
      TileLanes rows[kSpan * kTile], results[kTile * kTile];
#pragma GCC unroll 6
      for (int64_t i = 0; i < kSpan; ++i) {
        TileLanes band[kSpan];
        for (int64_t k = 0; k < kSpan; ++k)
          band[k] = load_tile_lanes(from + (i * kSpan + k) * step);
        turn_back(band, 1, rows + i * kTile, 1);
      }
#pragma GCC unroll 4
      for (int64_t k = 0; k < kTile; ++k) turn_back(rows + k, kTile, results + k, kTile);
      TileLanes bias = e.bias == nullptr ? TileLanes{} : load_tile_lanes(e.bias + j + v);
      for (int64_t row = 0; row < down; ++row) {
        for (int64_t column = 0; column < across; ++column) {
          int64_t to = at + row * s.out_width + column;
          TileLanes result = results[row * kTile + column] + bias;
          if (e.residual != nullptr) result += load_tile_lanes(e.residual + to * s.filters + j + v);
          store_tile_lanes(y + to * s.target_row + j + v, clamp_lanes(result, e.low, e.high));
        }
      }
    }
  }
}

// sums [rows, width] = bands [rows, channels] by the panels of `width` columns, share after share of
// the channels. While a share is at work, each tile fetches a part of what the next one reads.
static inline void multiply_band(float* sums, int64_t width, const float* bands, int64_t rows,
                                 int64_t channels, const float* weights) {
  int64_t shares = (channels + kShare - 1) / kShare;
  int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (int64_t j = 0; j < width; j += kPanel) {
    for (int64_t i = 0; i < shares; ++i) {
      int64_t from = channels * i / shares;
      int64_t depth = channels * (i + 1) / shares - from;
      const float* ahead = weights + depth * kPanel;
      int64_t fetched = depth * kPanel / tiles + 1;
      for (int64_t t = 0; t < tiles; ++t) {
        for (int64_t f = 0; f < fetched; f += 16) __builtin_prefetch(ahead + f, 0, 3);
        ahead += fetched;
        int64_t first = rows * t / tiles;
        int64_t height = rows * (t + 1) / tiles - first;
        kProductTiles[height](sums + first * width + j, width, bands + first * channels + from,
                              channels, 1, weights, depth, kPanel, i > 0 ? 1 : 0);
      }
      weights += depth * kPanel;
    }
  }
}

// Tiles first..last, goes begin..end of the kernel; `bands` as winograd_windows leaves them, `sums`
// room for kBands * (last - first) * kGoPanels * kPanel floats.
void convolve_winograd(const ConvShape* shape, const ConvEpilogue* epilogue, float* y,
                       const float* bands, int64_t step, float* sums, const float* packed,
                       int64_t first, int64_t last, int64_t begin, int64_t end) {
  const ConvShape& s = *shape;
  int64_t panels = s.filters / kPanel;
  for (int64_t go = begin; go < end; ++go) {
    int64_t panel = go * kGoPanels;
    int64_t width = (panels - panel < kGoPanels ? panels - panel : kGoPanels) * kPanel;
    const float* weights = packed + panel * kBands * s.channels * kPanel;
    int64_t sums_step = (last - first) * width;
    for (int64_t band = 0; band < kBands; ++band) {
      multiply_band(sums + band * sums_step, width, bands + band * step, last - first, s.channels,
                    weights + band * s.channels * width);
    }
    winograd_results(s, *epilogue, y, sums, sums_step, first, last, panel * kPanel, width);
  }
}
