// Products of small and middle-sized matrices, blocked as in BLIS (Van Zee and van de Geijn, 2015):
// the right-hand matrix lies packed in panels of kPanel columns, a panel stays in the first-level
// cache while tiles of a few rows of the left-hand matrix pass by, and each tile of the result lives
// in registers. Every element is a sum in the order of the inner dim (in blocks of kDepth), however
// the rows are shared out among threads: results do not depend on their number.

#if defined(__AVX512F__)
constexpr int kTileLanes = 16;
constexpr int kTileRows = 12;
#elif defined(__AVX2__)
constexpr int kTileLanes = 8;
constexpr int kTileRows = 6;
#else
constexpr int kTileLanes = 4;
constexpr int kTileRows = 4;
#endif
constexpr int kPanel = 2 * kTileLanes;
constexpr int64_t kDepth = 256;     // of the inner dim at a time: a panel's share fits half of L1
constexpr int64_t kBlockRows = 96;  // of the left-hand matrix at a time: its share fits L2

typedef float TileLanes __attribute__((vector_size(kTileLanes * 4)));
typedef float LooseTileLanes __attribute__((vector_size(kTileLanes * 4), aligned(4), may_alias));

static inline TileLanes load_tile_lanes(const float* from) {
  return *reinterpret_cast<const LooseTileLanes*>(from);
}
static inline void store_tile_lanes(float* to, TileLanes value) {
  *reinterpret_cast<LooseTileLanes*>(to) = value;
}

#include "backend/cpu/kernels/tile_math.inl"

// c [kRows, width] (+)= a [kRows, inner] * panel [inner, kPanel]; a[i][k] is at i * row + k * column.
template <int kRows>
void product_tile(float* c, int64_t c_row, const float* a, int64_t row, int64_t column,
                  const float* panel, int64_t inner, int64_t width, int accumulate) {
  // Every loop over rows is unrolled, or the sums would live in memory.
  TileLanes sums[kRows][2];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = TileLanes{};
  for (int64_t k = 0; k < inner; ++k) {
    TileLanes left = load_tile_lanes(panel);
    TileLanes right = load_tile_lanes(panel + kTileLanes);
    panel += kPanel;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      float value = a[r * row];
      sums[r][0] += value * left;
      sums[r][1] += value * right;
    }
    a += column;
  }
  if (width == kPanel) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      float* out = c + r * c_row;
      if (accumulate != 0) {
        sums[r][0] += load_tile_lanes(out);
        sums[r][1] += load_tile_lanes(out + kTileLanes);
      }
      store_tile_lanes(out, sums[r][0]);
      store_tile_lanes(out + kTileLanes, sums[r][1]);
    }
    return;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float row_sums[kPanel];
    store_tile_lanes(row_sums, sums[r][0]);
    store_tile_lanes(row_sums + kTileLanes, sums[r][1]);
    float* out = c + r * c_row;
    for (int64_t j = 0; j < width; ++j) {
      out[j] = accumulate != 0 ? out[j] + row_sums[j] : row_sums[j];
    }
  }
}

using ProductTile = void (*)(float*, int64_t, const float*, int64_t, int64_t, const float*, int64_t,
                             int64_t, int);

#if defined(__AVX512F__)
constexpr ProductTile kProductTiles[kTileRows + 1] = {
    nullptr,         product_tile<1>, product_tile<2>,  product_tile<3>,  product_tile<4>,
    product_tile<5>, product_tile<6>, product_tile<7>,  product_tile<8>,  product_tile<9>,
    product_tile<10>, product_tile<11>, product_tile<12>};
#elif defined(__AVX2__)
constexpr ProductTile kProductTiles[kTileRows + 1] = {
    nullptr,         product_tile<1>, product_tile<2>, product_tile<3>,
    product_tile<4>, product_tile<5>, product_tile<6>};
#else
constexpr ProductTile kProductTiles[kTileRows + 1] = {
    nullptr, product_tile<1>, product_tile<2>, product_tile<3>, product_tile<4>};
#endif

// One share of the inner dim. Turned, a lies in tiles: that of `height` rows from row `first` on
// begins at first * depth, its rows side by side.
template <bool kTurned>
static inline void product_share(float* c, int64_t c_row, const float* a, int64_t row,
                                 int64_t column, const float* packed, int64_t panel_row,
                                 int64_t rows, int64_t depth, int64_t columns, int add) {
  for (int64_t block = 0; block < rows; block += kBlockRows) {
    int64_t block_rows = rows - block < kBlockRows ? rows - block : kBlockRows;
    int64_t tiles = (block_rows + kTileRows - 1) / kTileRows;
    for (int64_t j = 0; j < columns; j += kPanel) {
      const float* panel = packed + j * panel_row;
      int64_t width = columns - j < kPanel ? columns - j : kPanel;
      // Tiles of nearly equal height: a last one of a single row would leave the units idle.
      for (int64_t t = 0; t < tiles; ++t) {
        int64_t first = block + block_rows * t / tiles;
        int64_t height = block + block_rows * (t + 1) / tiles - first;
        const float* left = a + first * (kTurned ? depth : row);
        kProductTiles[height](c + first * c_row + j, c_row, left, kTurned ? 1 : row,
                              kTurned ? height : column, panel, depth, width, add);
      }
    }
  }
}

void product(float* c, int64_t c_row, const float* a, int64_t row, int64_t column,
             const float* packed, int64_t rows, int64_t inner, int64_t columns, int accumulate) {
  for (int64_t from = 0; from < inner; from += kDepth) {
    int64_t depth = inner - from < kDepth ? inner - from : kDepth;
    product_share<false>(c, c_row, a + from * column, row, column, packed + from * kPanel, inner,
                         rows, depth, columns, accumulate != 0 || from > 0 ? 1 : 0);
  }
}

void product_turned(float* c, int64_t c_row, const float* turned, const float* packed,
                    int64_t rows, int64_t inner, int64_t columns, int accumulate) {
  product_share<true>(c, c_row, turned, 1, 0, packed, inner, rows, inner, columns, accumulate);
}

template <int kCount>
static inline void copy_few(float* to, const float* from) {
  __builtin_memcpy(to, from, kCount * sizeof(float));
}

// Row by row of what lies across, so that each cache line is read once.
static inline void turn_whole_tiles(float* to, const float* from, int64_t column, int64_t tiles,
                                    int64_t inner) {
  for (int64_t k = 0; k < inner; ++k) {
    for (int64_t t = 0; t < tiles; ++t) {
      copy_few<kTileRows>(to + (t * inner + k) * kTileRows, from + k * column + t * kTileRows);
    }
  }
}

void turn_block(float* turned, const float* a, int64_t column, int64_t rows, int64_t inner) {
  for (int64_t block = 0; block < rows; block += kBlockRows) {
    int64_t block_rows = rows - block < kBlockRows ? rows - block : kBlockRows;
    int64_t tiles = (block_rows + kTileRows - 1) / kTileRows;
    if (block_rows % kTileRows == 0) {
      turn_whole_tiles(turned + block * inner, a + block, column, tiles, inner);
      continue;
    }
    int64_t firsts[kBlockRows / kTileRows + 2];
    for (int64_t t = 0; t <= tiles; ++t) firsts[t] = block_rows * t / tiles;
    for (int64_t k = 0; k < inner; ++k) {
      const float* from = a + k * column + block;
      float* to = turned + block * inner;
      for (int64_t t = 0; t < tiles; ++t) {
        int64_t first = firsts[t];
        int64_t height = firsts[t + 1] - first;
        float* slot = to + first * inner + k * height;
        if (height == kTileRows) {
          copy_few<kTileRows>(slot, from + first);
        } else if (height == kTileRows - 1) {
          copy_few<kTileRows - 1>(slot, from + first);
        } else {
          for (int64_t i = 0; i < height; ++i) slot[i] = from[first + i];
        }
      }
    }
  }
}

typedef float Four __attribute__((vector_size(16)));
typedef float LooseFour __attribute__((vector_size(16), aligned(4), may_alias));

// Four rows of a become four columns.
static inline void turn_four(float* to, int64_t to_row, const float* from, int64_t from_row) {
  Four a = *reinterpret_cast<const LooseFour*>(from);
  Four b = *reinterpret_cast<const LooseFour*>(from + from_row);
  Four c = *reinterpret_cast<const LooseFour*>(from + 2 * from_row);
  Four d = *reinterpret_cast<const LooseFour*>(from + 3 * from_row);
  Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  auto put = [&](int64_t row, Four value) {
    *reinterpret_cast<LooseFour*>(to + row * to_row) = value;
  };
  put(0, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
  put(1, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
  put(2, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
  put(3, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

// b [inner, columns], b[k][j] at k * row + j * column, into panels; the last one is filled with zeros.
void pack_panels(float* __restrict packed, const float* b, int64_t row, int64_t column,
                 int64_t inner, int64_t columns) {
  for (int64_t j = 0; j < columns; j += kPanel) {
    int64_t width = columns - j < kPanel ? columns - j : kPanel;
    float* panel = packed + j * inner;
    const float* from = b + j * column;
    if (column == 1 && width == kPanel) {
      for (int64_t k = 0; k < inner; ++k) {
        store_tile_lanes(panel + k * kPanel, load_tile_lanes(from + k * row));
        store_tile_lanes(panel + k * kPanel + kTileLanes, load_tile_lanes(from + k * row + kTileLanes));
      }
      continue;
    }
    int64_t turned = 0;
    if (row == 1 && width == kPanel) {
      for (; turned + 4 <= inner; turned += 4) {
        for (int64_t i = 0; i < kPanel; i += 4) {
          turn_four(panel + turned * kPanel + i, kPanel, from + turned + i * column, column);
        }
      }
    }
    // In blocks of 16 along the inner dim, so that whole cache lines of a transposed b are used.
    for (int64_t begin = turned; begin < inner; begin += 16) {
      int64_t end = inner - begin < 16 ? inner : begin + 16;
      for (int64_t i = 0; i < kPanel; ++i) {
        if (i < width) {
          for (int64_t k = begin; k < end; ++k) panel[k * kPanel + i] = from[k * row + i * column];
        } else {
          for (int64_t k = begin; k < end; ++k) panel[k * kPanel + i] = 0;
        }
      }
    }
  }
}

void gelu_row(float* c, int64_t n) {
  each_register(n, [&](int64_t j, int64_t count) {
    TileLanes slope;
    store_some(c + j, gelu_lanes(load_some(c + j, count), &slope), count);
  });
}
void gelu_slope_row(float* c, float* slopes, int64_t n) {
  each_register(n, [&](int64_t j, int64_t count) {
    TileLanes slope;
    store_some(c + j, gelu_lanes(load_some(c + j, count), &slope), count);
    store_some(slopes + j, slope, count);
  });
}

// Columns begin..end of rows first..first + rows of [*, columns].
void product_epilogue(float* c, const ProductEpilogue* epilogue, int64_t first, int64_t rows,
                      int64_t begin, int64_t end, int64_t columns) {
  const ProductEpilogue e = *epilogue;
  int64_t n = end - begin;
  for (int64_t r = first; r < first + rows; ++r) {
    int64_t at = r * columns + begin;
    float* row = c + at;
    if (e.bias != nullptr) {
      const float* bias = e.bias + begin;
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) row[j] += bias[j];
    }
    if (e.activation == Activation::relu) {
      for (int64_t j = 0; j < n; ++j) row[j] = row[j] < 0.0f ? 0.0f : row[j];
    } else if (e.activation == Activation::gelu) {
      if (e.slope != nullptr)
        gelu_slope_row(row, e.slope + at, n);
      else
        gelu_row(row, n);
    }
    if (e.join == Join::none) continue;
    const float* other = e.other + at;
    if (e.join == Join::add) {
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) row[j] += other[j];
    } else {
#pragma GCC ivdep
      for (int64_t j = 0; j < n; ++j) row[j] *= other[j];
    }
  }
}
