#include "backend/cpu/winograd.hpp"

#include <algorithm>

#include "backend/cpu/panels.hpp"

namespace vanda::cpu {

namespace {

// Places of a picture from which on it pays.
constexpr int64_t kPlacesMin = 150;
constexpr int64_t kChannelsMin = 16;
// Tiles whose bands stay in the cache, and as many as make the kernel's way from memory worth it.
constexpr int64_t kBlockTiles = 30;
// Up to so many tiles, threads share the filters.
constexpr int64_t kFewTiles = 60;

int64_t over(int64_t count, int64_t size) { return (count + size - 1) / size; }

// Bands that lie a power of two apart would fight for one place in the cache.
int64_t bands_step(const ConvShape& shape, int64_t block) { return block * shape.channels + 16; }

int64_t goes(const ConvShape& shape) { return over(shape.filters / kernels().panel, kWinogradGo); }

}  // namespace

bool Winograd::suits(const ConvShape& s) {
  int64_t panel = kernels().panel;
  return s.kernel_height == 3 && s.kernel_width == 3 && s.stride_height == 1 &&
         s.stride_width == 1 && s.dilation_height == 1 && s.dilation_width == 1 &&
         s.channels % (panel / 2) == 0 && s.channels >= kChannelsMin && s.filters % panel == 0 &&
         s.out_height * s.out_width >= kPlacesMin;
}

Winograd::Winograd(Lowering& lowering, Value kernel, const ConvShape& shape, int64_t batch,
                   std::vector<int>& writes) {
  int64_t team = lowering.threads();
  tiles = batch * over(shape.out_height, kWinogradTile) * over(shape.out_width, kWinogradTile);
  by_tiles = tiles > kFewTiles;
  block = by_tiles ? over(tiles, over(over(tiles, kBlockTiles), team) * team) : tiles;
  auto room = [&](int64_t floats) {
    writes.push_back(lowering.new_buffer(static_cast<size_t>(floats) * sizeof(float)));
    return writes.back();
  };
  bands = room((by_tiles ? team : 1) * kWinogradBands * bands_step(shape, block));
  sums = room(team * kWinogradBands * block * kWinogradGo * kernels().panel);
  size_t bytes =
      static_cast<size_t>(kWinogradBands * shape.channels * shape.filters) * sizeof(float);
  packed = packed_copy(lowering, kernel, {kWinogradBands, shape.channels, shape.filters}, bytes,
                       [shape](const float* from, float* to, int threads) {
                         parallel_for(threads, shape.filters / kernels().panel, 1,
                                      [&](int64_t begin, int64_t end, int) {
                                        kernels().pack_winograd(&shape, to, from, begin, end);
                                      });
                       });
}

void Winograd::run(const RunContext& context, const ConvShape& shape, const ConvEpilogue& epilogue,
                   float* y, const float* x, const float* zeros) const {
  const KernelTable& k = kernels();
  const float* kernel = static_cast<const float*>(context.data[packed]);
  int64_t step = bands_step(shape, block);
  auto own_sums = [&](int seat) {
    return static_cast<float*>(context.data[sums]) +
           seat * kWinogradBands * block * kWinogradGo * k.panel;
  };
  float* all_bands = static_cast<float*>(context.data[bands]);
  if (by_tiles) {
    share_out(context.threads, over(tiles, block), 1, [&](int64_t begin, int64_t end, int seat) {
      float* own_bands = all_bands + seat * kWinogradBands * step;
      for (int64_t i = begin; i < end; ++i) {
        int64_t first = i * block, last = std::min(tiles, first + block);
        k.winograd_windows(&shape, own_bands, step, x, zeros, first, last);
        k.convolve_winograd(&shape, &epilogue, y, own_bands, step, own_sums(seat), kernel, first,
                            last, 0, goes(shape));
      }
    });
    return;
  }
  share_out(context.threads, tiles, 1, [&](int64_t first, int64_t last, int) {
    k.winograd_windows(&shape, all_bands + first * shape.channels, step, x, zeros, first, last);
  });
  share_out(context.threads, goes(shape), 1, [&](int64_t begin, int64_t end, int seat) {
    k.convolve_winograd(&shape, &epilogue, y, all_bands, step, own_sums(seat), kernel, 0, tiles,
                        begin, end);
  });
}

}  // namespace vanda::cpu
