#include "ops/resize.hpp"

#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

struct Resize {
  std::vector<ResizeTap> rows, columns;
  int64_t pictures, height, width, channels;  // of the smaller side of the formula: what is read
  bool nearest;

  int64_t read_size() const { return height * width * channels; }
  int64_t written_rows() const { return static_cast<int64_t>(rows.size()); }
  int64_t written_columns() const { return static_cast<int64_t>(columns.size()); }
  int64_t written_size() const { return written_rows() * written_columns() * channels; }
  int64_t at(int64_t h, int64_t w) const { return (h * width + w) * channels; }

  // One row of one resized picture.
  void forward_row(const float* x, float* y, int64_t h) const {
    const KernelTable& k = kernels();
    const ResizeTap& row = rows[static_cast<size_t>(h)];
    for (int64_t w = 0; w < written_columns(); ++w) {
      const ResizeTap& column = columns[static_cast<size_t>(w)];
      float* out = y + (h * written_columns() + w) * channels;
      if (nearest) {
        std::memcpy(out, x + at(row.low, column.low), static_cast<size_t>(channels) * 4);
        continue;
      }
      float weights[4];
      weigh(row, column, weights);
      k.blend_places(out, x + at(row.low, column.low), x + at(row.low, column.high),
                     x + at(row.high, column.low), x + at(row.high, column.high), weights,
                     channels);
    }
  }

  // One whole picture: rows of dx get parts from several rows of dy.
  void backward_picture(const float* dy, float* dx) const {
    const KernelTable& k = kernels();
    std::memset(dx, 0, static_cast<size_t>(read_size()) * 4);
    for (int64_t h = 0; h < written_rows(); ++h) {
      const ResizeTap& row = rows[static_cast<size_t>(h)];
      for (int64_t w = 0; w < written_columns(); ++w) {
        const ResizeTap& column = columns[static_cast<size_t>(w)];
        const float* from = dy + (h * written_columns() + w) * channels;
        float weights[4];
        weigh(row, column, weights);
        int64_t places[4] = {at(row.low, column.low), at(row.low, column.high),
                             at(row.high, column.low), at(row.high, column.high)};
        for (int i = 0; i < 4; ++i) {
          if (weights[i] != 0) k.add_scaled(dx + places[i], from, weights[i], channels);
        }
      }
    }
  }

  static void weigh(const ResizeTap& row, const ResizeTap& column, float* weights) {
    weights[0] = static_cast<float>((1 - row.weight) * (1 - column.weight));
    weights[1] = static_cast<float>((1 - row.weight) * column.weight);
    weights[2] = static_cast<float>(row.weight * (1 - column.weight));
    weights[3] = static_cast<float>(row.weight * column.weight);
  }
};

}  // namespace

bool lower_resize(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool backward = node.is("resize2d_grad");
  if (!backward && !node.is("resize2d")) return false;
  if (node.outputs[0].dtype != DType::f32 || node.outputs[0].shape.elements() == 0) return false;
  const Shape& in = lowering.type(node.inputs[0]).shape;
  const Shape& out = node.outputs[0].shape;
  const Shape& x = backward ? out : in;
  const Shape& y = backward ? in : out;
  Resize resize{resize_taps(node, x[1], y[1]),
                resize_taps(node, x[2], y[2]),
                x[0],
                x[1],
                x[2],
                x[3],
                node.text("method") == "nearest"};
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(node.op->name, {source}, {target}, [=](const RunContext& context) {
    const float* from = static_cast<const float*>(context.data[source]);
    float* to = static_cast<float*>(context.data[target]);
    if (backward) {
      parallel_for(context.threads, resize.pictures, 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t n = begin; n < end; ++n) {
          resize.backward_picture(from + n * resize.written_size(), to + n * resize.read_size());
        }
      });
      return;
    }
    int64_t rows = resize.written_rows();
    parallel_for(context.threads, resize.pictures * rows, 8, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        resize.forward_row(from + i / rows * resize.read_size(),
                           to + i / rows * resize.written_size(), i % rows);
      }
    });
  });
  return true;
}

}  // namespace vanda::cpu
