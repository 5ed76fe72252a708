// Convolutions of pictures that lie row-major [N, H, W, C], without laying windows out in memory: the
// left-hand matrix of the product is read where it lies, by pointers to the rows of each window (as in
// Dukhan, "The Indirect Convolution Algorithm", 2019); the kernel lies in the panels of product.inl.
// Every element is a sum in the order of the kernel (in blocks of kDepth), wherever its tile begins.

// Pointers of one block of tiles, which stay in the cache beside a panel.
constexpr int64_t kWindowPointers = 6144;

// How the windows of a tile lie: each tap by itself, in whole rows of taps (where none reaches over the
// left or right border), in one piece (of one tap, or copied), or, with only the first row pointed to,
// in rows as far apart as those of the picture.
enum class Runs : uint8_t { taps, rows, whole, lines };

// Places of the result that are made together. Their windows are runs of floats; run s of place r
// begins at pointers[s * height + r].
struct WindowTile {
  const float** pointers;
  int64_t first, height;
  Runs runs;
};

// One tile's share of the inner dim, `depth` floats from float `offset` of run `segment` on.
struct WindowShare {
  const float* const* pointers;
  int64_t segment, offset, length, depth;
  const float* panel;
  float* out;
  int64_t out_row, width;
  int add;  // to what is in `out`
  // Null where there is none. The residual's rows are residual_row apart.
  const float *bias, *residual;
  int64_t residual_row;
  float low, high;
  int stream;
};

// Past the caches: a result that is larger than they are would first be read into them, a line at a
// time, and push out what others need. Lines are written whole; whoever reads them on another core
// needs the fence after it.
static inline void stream_tile_lanes(float* to, TileLanes value) {
#if defined(__clang__)
  __builtin_nontemporal_store(value, reinterpret_cast<TileLanes*>(to));
#elif defined(__AVX512F__)
  __builtin_ia32_movntps512(to, value);
#elif defined(__AVX2__)
  __builtin_ia32_movntps256(to, value);
#else
  store_tile_lanes(to, value);
#endif
}
static inline void end_stream() {
#if defined(__AVX2__)
  __builtin_ia32_sfence();
#endif
}

static inline TileLanes clamp_lanes(TileLanes x, float low, float high) {
  TileLanes above = x < low ? all_lanes(low) : x;
  return above > high ? all_lanes(high) : above;
}

template <int kRows, int kWide>
void window_tile(const WindowShare* share) {
  const WindowShare& s = *share;
  bool whole = s.width == kWide * kTileLanes;
  TileLanes sums[kRows][kWide];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kWide; ++v) sums[r][v] = TileLanes{};
  }
  // The first share begins with the bias, further ones with what the last one left.
  const float* begin = s.add != 0 ? s.out : s.bias;
  if (whole && begin != nullptr) {
    int64_t step = s.add != 0 ? s.out_row : 0;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kWide; ++v) sums[r][v] = load_tile_lanes(begin + r * step + v * kTileLanes);
    }
  }
  const float* panel = s.panel;
  const float* const* pointers = s.pointers + s.segment * kRows;
  int64_t offset = s.offset;
  for (int64_t left = s.depth; left > 0;) {
    int64_t count = s.length - offset < left ? s.length - offset : left;
    const float* rows[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) rows[r] = pointers[r] + offset;
    for (int64_t k = 0; k < count; ++k) {
      TileLanes weights[kWide];
      for (int v = 0; v < kWide; ++v) weights[v] = load_tile_lanes(panel + v * kTileLanes);
      panel += kPanel;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        float value = rows[r][k];
        for (int v = 0; v < kWide; ++v) sums[r][v] += value * weights[v];
      }
    }
    left -= count;
    offset = 0;
    pointers += kRows;
  }
  if (whole) {
    if (s.residual != nullptr) {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const float* residual = s.residual + r * s.residual_row;
        for (int v = 0; v < kWide; ++v) sums[r][v] += load_tile_lanes(residual + v * kTileLanes);
      }
    }
    if (s.stream != 0) {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        float* out = s.out + r * s.out_row;
        for (int v = 0; v < kWide; ++v) {
          stream_tile_lanes(out + v * kTileLanes, clamp_lanes(sums[r][v], s.low, s.high));
        }
      }
      return;
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      float* out = s.out + r * s.out_row;
      for (int v = 0; v < kWide; ++v) {
        store_tile_lanes(out + v * kTileLanes, clamp_lanes(sums[r][v], s.low, s.high));
      }
    }
    return;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float row[kWide * kTileLanes];
    for (int v = 0; v < kWide; ++v) store_tile_lanes(row + v * kTileLanes, sums[r][v]);
    float* out = s.out + r * s.out_row;
    for (int64_t j = 0; j < s.width; ++j) {
      float sum = row[j];
      if (s.add != 0)
        sum += out[j];
      else if (s.bias != nullptr)
        sum += s.bias[j];
      if (s.residual != nullptr) sum += s.residual[r * s.residual_row + j];
      sum = sum < s.low ? s.low : sum;
      out[j] = sum > s.high ? s.high : sum;
    }
  }
}

using WindowTileFn = void (*)(const WindowShare*);
#define WINDOW_TILES(rows) {window_tile<rows, 1>, window_tile<rows, 2>}
constexpr WindowTileFn kWindowTiles[kTileRows + 1][2] = {
    {nullptr, nullptr}, WINDOW_TILES(1), WINDOW_TILES(2), WINDOW_TILES(3), WINDOW_TILES(4),
#if defined(__AVX2__)
    WINDOW_TILES(5), WINDOW_TILES(6),
#endif
#if defined(__AVX512F__)
    WINDOW_TILES(7), WINDOW_TILES(8), WINDOW_TILES(9), WINDOW_TILES(10), WINDOW_TILES(11),
    WINDOW_TILES(12),
#endif
};
#undef WINDOW_TILES

// Where the windows of places begin, one place after the other: a division for each would cost more
// than a small window.
struct WindowPlace {
  const float* picture;
  int64_t row, column;      // of the picture, before its borders
  int64_t out_row, out_column;

  void next(const ConvShape& s) {
    column += s.stride_width;
    if (++out_column < s.out_width) return;
    out_column = 0;
    column = -s.left;
    row += s.stride_height;
    if (++out_row < s.out_height) return;
    out_row = 0;
    row = -s.top;
    picture += s.height * s.width * s.channels;
  }
};
static inline WindowPlace place_of(const ConvShape& s, const float* x, int64_t place) {
  int64_t column = place % s.out_width;
  int64_t rest = place / s.out_width;
  int64_t row = rest % s.out_height;
  return {x + rest / s.out_height * s.height * s.width * s.channels,
          row * s.stride_height - s.top, column * s.stride_width - s.left, row, column};
}
static inline bool is_inside(const ConvShape& s, int64_t column) {
  return s.dilation_width == 1 && column >= 0 && column + s.kernel_width <= s.width;
}

// Windows of no more floats than this are copied into one piece where they reach over a border.
constexpr int64_t kShortWindow = 256;
// And, wherever they lie, those of rows of no more floats than this: a pointer for each would cost as much as they do.
constexpr int64_t kShortRow = 24;

// A short run: what does not fill registers is copied by one that overlaps.
static inline void copy_floats(float* to, const float* from, int64_t length) {
  if (length < kTileLanes) {
    for (int64_t i = 0; i < length; ++i) to[i] = from[i];
    return;
  }
  for (int64_t i = 0; i + kTileLanes < length; i += kTileLanes) store_tile_lanes(to + i, load_tile_lanes(from + i));
  store_tile_lanes(to + length - kTileLanes, load_tile_lanes(from + length - kTileLanes));
}

static inline void copy_window(const ConvShape& s, const WindowPlace& place, float* to) {
  bool inside = is_inside(s, place.column) && place.row >= 0 &&
                place.row + (s.kernel_height - 1) * s.dilation_height < s.height;
  if (inside) {
    int64_t length = s.kernel_width * s.channels;
    const float* from = place.picture + (place.row * s.width + place.column) * s.channels;
    for (int64_t kh = 0; kh < s.kernel_height; ++kh) {
      copy_floats(to, from, length);
      to += length;
      from += s.dilation_height * s.width * s.channels;
    }
    return;
  }
  for (int64_t kh = 0; kh < s.kernel_height; ++kh) {
    int64_t row = place.row + kh * s.dilation_height;
    for (int64_t kw = 0; kw < s.kernel_width; ++kw) {
      int64_t column = place.column + kw * s.dilation_width;
      bool in = row >= 0 && row < s.height && column >= 0 && column < s.width;
      const float* from = place.picture + (row * s.width + column) * s.channels;
      for (int64_t c = 0; c < s.channels; ++c) *to++ = in ? from[c] : 0.0f;
    }
  }
}

// Fills in the pointers of a tile, whose places begin at `place`, and answers where those of the next
// tile go. What lies outside the picture is read from `zeros`; `windows`, where given, takes copies.
// A tile of short sums may be laid in lines.
static const float** lay_tile(const ConvShape& s, const float* zeros, WindowPlace* place,
                              WindowTile* tile, float* windows, bool in_lines) {
  WindowPlace places[kTileRows];
  bool inside = true, within = in_lines;
  for (int64_t r = 0; r < tile->height; ++r) {
    places[r] = *place;
    inside = inside && is_inside(s, place->column);
    within = within && place->row >= 0 &&
             place->row + (s.kernel_height - 1) * s.dilation_height < s.height;
    place->next(s);
  }
  const float** next = tile->pointers;
  if (inside && within && s.kernel_height > 1) {
    tile->runs = Runs::lines;
    for (int64_t r = 0; r < tile->height; ++r) {
      *next++ = places[r].picture + (places[r].row * s.width + places[r].column) * s.channels;
    }
    return next;
  }
  bool copied = windows != nullptr && (!inside || s.kernel_width * s.channels <= kShortRow);
  bool point = s.kernel_height * s.kernel_width == 1;
  tile->runs = copied || point ? Runs::whole : inside ? Runs::rows : Runs::taps;
  if (copied) {
    for (int64_t r = 0; r < tile->height; ++r) {
      copy_window(s, places[r], windows);
      *next++ = windows;
      windows += s.kernel_height * s.kernel_width * s.channels;
    }
    return next;
  }
  int64_t columns = inside ? 1 : s.kernel_width;
  for (int64_t kh = 0; kh < s.kernel_height; ++kh) {
    for (int64_t kw = 0; kw < columns; ++kw) {
      for (int64_t r = 0; r < tile->height; ++r) {
        int64_t row = places[r].row + kh * s.dilation_height;
        int64_t column = places[r].column + kw * s.dilation_width;
        bool in = row >= 0 && row < s.height && column >= 0 && column < s.width;
        *next++ = in ? places[r].picture + (row * s.width + column) * s.channels : zeros;
      }
    }
  }
  return next;
}

// Of the inner dim at a time, as even as can be: a panel's share fits most of L1.
constexpr int64_t kWindowDepth = 384;

// One panel of the kernel for a block of tiles, share after share of the inner dim.
static void convolve_panel(const ConvShape& s, const ConvEpilogue& e, float* y, const float* packed,
                           const WindowTile* tiles, int64_t count, int64_t panel) {
  int64_t inner = s.kernel_height * s.kernel_width * s.channels;
  int64_t shares = (inner + kWindowDepth - 1) / kWindowDepth;
  int64_t j = panel * kPanel;
  WindowShare share;
  share.out_row = s.target_row;
  share.residual_row = s.filters;
  share.width = s.filters - j < kPanel ? s.filters - j : kPanel;
  share.bias = e.bias == nullptr ? nullptr : e.bias + j;
  share.stream = shares == 1 && share.width == kPanel ? e.stream : 0;
  int wide = share.width > kTileLanes ? 1 : 0;
  const int64_t lengths[3] = {s.channels, s.channels * s.kernel_width, inner};  // by Runs
  for (int64_t i = 0; i < shares; ++i) {
    int64_t from = inner * i / shares;
    share.depth = inner * (i + 1) / shares - from;
    share.panel = packed + j * inner + from * kPanel;
    share.add = i > 0 ? 1 : 0;
    bool last = i + 1 == shares;
    share.low = last ? e.low : -__builtin_inff();
    share.high = last ? e.high : __builtin_inff();
    // While this share is at work, each tile fetches a part of what the next one reads.
    const float* ahead = share.panel + share.depth * kPanel;
    int64_t fetched = share.depth * kPanel / count + 1;
    const int64_t segments[3] = {from / lengths[0], from / lengths[1], 0};
    for (int64_t t = 0; t < count; ++t) {
      const WindowTile& tile = tiles[t];
      share.pointers = tile.pointers;
      share.length = lengths[static_cast<int>(tile.runs)];
      share.segment = segments[static_cast<int>(tile.runs)];
      share.offset = from - share.segment * share.length;
      share.out = y + tile.first * s.target_row + j;
      share.residual = e.residual == nullptr || !last
                           ? nullptr
                           : e.residual + tile.first * s.filters + j;
      for (int64_t f = 0; f < fetched; f += 16) __builtin_prefetch(ahead + f, 0, 2);
      ahead += fetched;
      kWindowTiles[tile.height][wide](&share);
    }
  }
}

// What is wanted soon, a piece at a time while other work goes on. Only the hint's level differs: one's own
// windows go to L1, a panel to L2.
struct Fetch {
  const float* at;
  int64_t piece;  // floats

  template <int kLevel>
  void next() {
    for (int64_t i = 0; i < piece; i += 16) __builtin_prefetch(at + i, 0, kLevel);
    at += piece;
  }
};
struct GroupFetches {
  Fetch windows, panels;  // of the next tile, of the next group
};

// Whole panels of short sums, one after the other, for the rows of a tile whose windows lie in one piece
// or in lines: what a call for each panel costs would count as much as the sums do.
template <int kRows>
void whole_tile(const ConvShape& s, const ConvEpilogue& e, const WindowTile& tile, float* y,
                const float* packed, int64_t begin, int64_t end, GroupFetches* fetches) {
  const float* rows[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) rows[r] = tile.pointers[r];
  float* out = y + tile.first * s.target_row;
  const float* residual = e.residual == nullptr ? nullptr : e.residual + tile.first * s.filters;
  TileLanes low = all_lanes(e.low), high = all_lanes(e.high);
  int64_t inner = s.kernel_height * s.kernel_width * s.channels;
  int64_t runs = tile.runs == Runs::lines ? s.kernel_height : 1;
  int64_t length = inner / runs;
  int64_t line = s.dilation_height * s.width * s.channels;
  for (int64_t panel = begin; panel < end; ++panel) {
    int64_t j = panel * kPanel;
    fetches->windows.next<3>();
    fetches->panels.next<2>();
    // Of the next places, the lines that are written and added: too far apart for the processor to guess.
    if (e.stream == 0) {
#pragma GCC unroll 16
      for (int r = kRows; r < 2 * kRows; ++r) __builtin_prefetch(out + r * s.target_row + j, 1, 3);
    }
    if (residual != nullptr) {
#pragma GCC unroll 16
      for (int r = kRows; r < 2 * kRows; ++r) __builtin_prefetch(residual + r * s.filters + j, 0, 3);
    }
    const float* weights = packed + j * inner;
    TileLanes left = e.bias == nullptr ? TileLanes{} : load_tile_lanes(e.bias + j);
    TileLanes right = e.bias == nullptr ? TileLanes{} : load_tile_lanes(e.bias + j + kTileLanes);
    TileLanes sums[kRows][2];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      sums[r][0] = left;
      sums[r][1] = right;
    }
    for (int64_t run = 0; run < runs; ++run) {
      int64_t from = run * line;
      for (int64_t k = from; k < from + length; ++k) {
        left = load_tile_lanes(weights);
        right = load_tile_lanes(weights + kTileLanes);
        weights += kPanel;
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          float value = rows[r][k];
          sums[r][0] += value * left;
          sums[r][1] += value * right;
        }
      }
    }
    if (residual != nullptr) {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        sums[r][0] += load_tile_lanes(residual + r * s.filters + j);
        sums[r][1] += load_tile_lanes(residual + r * s.filters + j + kTileLanes);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < 2; ++v) {
        TileLanes above = sums[r][v] < low ? low : sums[r][v];
        sums[r][v] = above > high ? high : above;
      }
    }
    if (e.stream != 0) {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        stream_tile_lanes(out + r * s.target_row + j, sums[r][0]);
        stream_tile_lanes(out + r * s.target_row + j + kTileLanes, sums[r][1]);
      }
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        store_tile_lanes(out + r * s.target_row + j, sums[r][0]);
        store_tile_lanes(out + r * s.target_row + j + kTileLanes, sums[r][1]);
      }
    }
  }
}

using WholeTileFn = void (*)(const ConvShape&, const ConvEpilogue&, const WindowTile&, float*, const float*, int64_t,
                             int64_t, GroupFetches*);
constexpr WholeTileFn kWholeTiles[kTileRows + 1] = {
    nullptr, whole_tile<1>, whole_tile<2>, whole_tile<3>, whole_tile<4>,
#if defined(__AVX2__)
    whole_tile<5>, whole_tile<6>,
#endif
#if defined(__AVX512F__)
    whole_tile<7>, whole_tile<8>, whole_tile<9>, whole_tile<10>, whole_tile<11>, whole_tile<12>,
#endif
};

// Short sums take the panels of a group for one tile after the other. Lines of the result are then written, and those
// of the residual read, side by side, and a window is fetched once for all of the group. Where pictures and results are
// far, that is worth more than a panel in L1: a group, in floats, stays in L2 beside a block of places, and sums may be
// longer. Elsewhere all panels have to fit in L1.
constexpr int64_t kNearGroup = 6144, kNearDepth = kWindowDepth;
constexpr int64_t kFarGroup = 24576, kFarDepth = 512;

// How many panels make a group, all about the same; 0 where one panel at a time is better.
static int64_t group_of(const ConvShape& s, const ConvEpilogue& e, int64_t inner) {
  if (inner > (e.far != 0 ? kFarDepth : kNearDepth)) return 0;
  // In a panel that is not whole, the bias comes after the first share of a sum: there has to be one share in either way,
  // or an answer would hang on how many pictures there are.
  if (inner > kWindowDepth && s.filters % kPanel != 0) return 0;
  int64_t panels = (s.filters + kPanel - 1) / kPanel;
  int64_t most = (e.far != 0 ? kFarGroup : kNearGroup) / (inner * kPanel);
  if (most >= panels) return panels;
  if (e.far == 0 || most < 2) return 0;
  int64_t groups = (panels + most - 1) / most;
  return (panels + groups - 1) / groups;
}

static void convolve_group(const ConvShape& s, const ConvEpilogue& e, float* y, const float* packed,
                           const WindowTile* tiles, int64_t count, int64_t begin, int64_t end, bool fresh) {
  int64_t inner = s.kernel_height * s.kernel_width * s.channels;
  int64_t row = s.channels * s.kernel_width;
  const int64_t lengths[4] = {s.channels, row, inner, row};  // by Runs
  WindowShare share;
  share.segment = share.offset = share.add = 0;
  share.depth = inner;
  share.low = e.low;
  share.high = e.high;
  share.out_row = s.target_row;
  share.residual_row = s.filters;
  GroupFetches fetches;
  fetches.panels = {packed + end * kPanel * inner, fresh ? kPanel * inner / count + 1 : 0};
  for (int64_t t = 0; t < count; ++t) {
    const WindowTile& tile = tiles[t];
    share.pointers = tile.pointers;
    share.length = lengths[static_cast<int>(tile.runs)];
    // What the next tile reads, where that is not for the most part what this one has read.
    bool alone = e.far != 0 && t + 1 < count && s.kernel_height * s.kernel_width == 1;
    fetches.windows = {tiles[alone ? t + 1 : t].pointers[0], alone ? tile.height * s.channels / (end - begin) : 0};
    int64_t panel = begin;
    if (tile.runs == Runs::whole || tile.runs == Runs::lines) {
      panel = end - (end * kPanel > s.filters ? 1 : 0);
      kWholeTiles[tile.height](s, e, tile, y, packed, begin, panel, &fetches);
    }
    for (; panel < end; ++panel) {
      int64_t j = panel * kPanel;
      fetches.windows.next<3>();
      fetches.panels.next<2>();
      share.panel = packed + j * inner;
      share.width = s.filters - j < kPanel ? s.filters - j : kPanel;
      share.stream = share.width == kPanel ? e.stream : 0;
      share.bias = e.bias == nullptr ? nullptr : e.bias + j;
      share.out = y + tile.first * s.target_row + j;
      share.residual = e.residual == nullptr ? nullptr : e.residual + tile.first * s.filters + j;
      kWindowTiles[tile.height][share.width > kTileLanes ? 1 : 0](&share);
    }
  }
}

// Places first..last of [N * out_height * out_width], panels begin..end of the kernel.
void convolve(const ConvShape* shape, const ConvEpilogue* epilogue, float* y, const float* x,
              const float* zeros, const float* packed, int64_t first, int64_t last, int64_t begin,
              int64_t end) {
  const ConvShape& s = *shape;
  ConvEpilogue e = *epilogue;
  // Only lines that are written whole.
  constexpr int64_t kLine = 16;
  if (kPanel % kLine != 0 || s.target_row % kLine != 0 || (uintptr_t)y % (kLine * 4) != 0) e.stream = 0;
  const float* pointers[kWindowPointers];
  WindowTile tiles[kBlockRows / kTileRows + 2];
  int64_t block_rows = kWindowPointers / (s.kernel_height * s.kernel_width) / kTileRows * kTileRows;
  if (block_rows > kBlockRows) block_rows = kBlockRows;
  int64_t inner = s.kernel_height * s.kernel_width * s.channels;
  float windows[kBlockRows * kShortWindow];
  int64_t group = group_of(s, e, inner);
  WindowPlace place = place_of(s, x, first);
  for (int64_t block = first; block < last; block += block_rows) {
    int64_t rows = last - block < block_rows ? last - block : block_rows;
    int64_t count = (rows + kTileRows - 1) / kTileRows;
    const float** next = pointers;
    for (int64_t t = 0; t < count; ++t) {
      WindowTile& tile = tiles[t];
      tile.pointers = next;
      tile.first = block + rows * t / count;
      tile.height = block + rows * (t + 1) / count - tile.first;
      float* copies = inner <= kShortWindow ? windows + (tile.first - block) * inner : nullptr;
      next = lay_tile(s, zeros, &place, &tile, copies, group > 0 && s.filters % kPanel == 0);
    }
    if (group > 0) {
      for (int64_t panel = begin; panel < end; panel += group) {
        int64_t last_panel = panel + group < end ? panel + group : end;
        convolve_group(s, e, y, packed, tiles, count, panel, last_panel, block == first);
      }
      continue;
    }
    for (int64_t panel = begin; panel < end; ++panel) {
      convolve_panel(s, e, y, packed, tiles, count, panel);
    }
  }
  if (e.stream != 0) end_stream();
}
