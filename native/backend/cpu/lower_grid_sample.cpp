#include "ops/grid_sample.hpp"

#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

struct Sampler {
  GridRule rule;
  int64_t pictures, height, width, channels, places;

  struct Taps {
    int64_t pixels[4];                   // elements of one picture
    float weights[4], to_x[4], to_y[4];  // 0 where there is no pixel
    bool inside;
  };

  Taps taps(const float* place) const {
    GridTap<float> column = grid_tap(rule, place[0], width);
    GridTap<float> row = grid_tap(rule, place[1], height);
    Taps out{};
    int64_t known = 0;
    bool present[4] = {};
    for (int corner = 0; corner < 4; ++corner) {
      bool below = corner / 2 == 1;
      bool right = corner % 2 == 1;
      int64_t h = below ? row.high : row.low;
      int64_t w = right ? column.high : column.low;
      if (h < 0 || w < 0) continue;
      float wy = below ? row.weight : 1 - row.weight;
      float wx = right ? column.weight : 1 - column.weight;
      out.inside = present[corner] = true;
      known = out.pixels[corner] = (h * width + w) * channels;
      out.weights[corner] = wx * wy;
      out.to_x[corner] = (right ? column.slope : -column.slope) * wy;
      out.to_y[corner] = (below ? row.slope : -row.slope) * wx;
    }
    // A corner without a pixel reads one that is read anyway, times nothing.
    for (int corner = 0; corner < 4; ++corner) {
      if (!present[corner]) out.pixels[corner] = known;
    }
    return out;
  }

  // Places begin .. end of all pictures.
  void forward(const float* x, const float* grid, float* y, int64_t begin, int64_t end) const {
    const KernelTable& k = kernels();
    for (int64_t i = begin; i < end; ++i) {
      const float* picture = x + i / places * height * width * channels;
      Taps t = taps(grid + 2 * i);
      if (!t.inside) {
        std::memset(y + i * channels, 0, static_cast<size_t>(channels) * sizeof(float));
        continue;
      }
      k.blend_places(y + i * channels, picture + t.pixels[0], picture + t.pixels[1],
                     picture + t.pixels[2], picture + t.pixels[3], t.weights, channels);
    }
  }

  // One picture by one thread: places add to the same pixels, always in the same order.
  void backward(const float* dy, const float* x, const float* grid, float* dx, float* dgrid) const {
    const KernelTable& k = kernels();
    std::memset(dx, 0, static_cast<size_t>(height * width * channels) * sizeof(float));
    for (int64_t i = 0; i < places; ++i) {
      Taps t = taps(grid + 2 * i);
      const float* from = dy + i * channels;
      dgrid[2 * i] = dgrid[2 * i + 1] = 0;
      if (!t.inside) continue;
      float along_x = 0;
      float along_y = 0;
      for (int corner = 0; corner < 4; ++corner) {
        if (t.weights[corner] != 0)
          k.add_scaled(dx + t.pixels[corner], from, t.weights[corner], channels);
        float product = 0;
        const float* pixel = x + t.pixels[corner];
        for (int64_t c = 0; c < channels; ++c) product += from[c] * pixel[c];
        along_x += product * t.to_x[corner];
        along_y += product * t.to_y[corner];
      }
      dgrid[2 * i] = along_x;
      dgrid[2 * i + 1] = along_y;
    }
  }
};

Sampler sampler_of(const Node& node, const Shape& x, const Shape& grid) {
  return {GridRule(node), x[0], x[1], x[2], x[3], grid[1] * grid[2]};
}

}  // namespace

bool lower_grid_sample(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool backward = node.is("grid_sample_grad");
  if (!backward && !node.is("grid_sample")) return false;
  size_t first = backward ? 1 : 0;
  const TensorType& pictures = lowering.type(node.inputs[first]);
  const TensorType& places = lowering.type(node.inputs[first + 1]);
  if (pictures.dtype != DType::f32) return false;
  if (pictures.shape.elements() == 0 || places.shape.elements() == 0) return false;
  Sampler sampler = sampler_of(node, pictures.shape, places.shape);
  int x = lowering.plain(node.inputs[first]);
  int grid = lowering.plain(node.inputs[first + 1]);
  auto at = [](const RunContext& context, int buffer) {
    return static_cast<float*>(context.data[buffer]);
  };
  if (!backward) {
    int target = lowering.define_new(Value{id, 0});
    lowering.add("grid_sample", {x, grid}, {target}, [=](const RunContext& context) {
      int64_t grain = 8192 / (sampler.channels + 8) + 1;
      parallel_for(context.threads, sampler.pictures * sampler.places, grain,
                   [&](int64_t begin, int64_t end, int) {
                     sampler.forward(at(context, x), at(context, grid), at(context, target), begin,
                                     end);
                   });
    });
    return true;
  }
  int dy = lowering.plain(node.inputs[0]);
  int dx = lowering.define_new(Value{id, 0});
  int dgrid = lowering.define_new(Value{id, 1});
  lowering.add("grid_sample_grad", {dy, x, grid}, {dx, dgrid}, [=](const RunContext& context) {
    int64_t size = sampler.height * sampler.width * sampler.channels;
    parallel_for(context.threads, sampler.pictures, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t n = begin; n < end; ++n) {
        sampler.backward(at(context, dy) + n * sampler.places * sampler.channels,
                         at(context, x) + n * size, at(context, grid) + 2 * n * sampler.places,
                         at(context, dx) + n * size, at(context, dgrid) + 2 * n * sampler.places);
      }
    });
  });
  return true;
}

}  // namespace vanda::cpu
