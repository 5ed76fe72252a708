#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

// Pooling runs plane by plane in the layout in which its pictures come, and leaves that layout.
struct Pooling {
  PoolShape shape;
  Planes planes;
  int64_t in_plane, out_plane;

  template <typename Body>
  void each_plane(const RunContext& context, Body body) const {
    int64_t grain = 16384 / (in_plane + 1) + 1;
    parallel_for(context.threads, planes.count, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t p = begin; p < end; ++p) body(p * in_plane, p * out_plane);
    });
  }
};

// The layout of a value where it has planes, else row-major.
Layout plane_layout(Lowering& lowering, Value value) {
  const TensorType& type = lowering.type(value);
  Layout layout = lowering.layout_of(value);
  return planes_of(layout, type.shape) ? layout : plain_layout(type);
}

Pooling pooling_of(const Node& node, const Shape& x, const Planes& planes) {
  const std::vector<int64_t>& size = node.integers("size");
  Window w = window_of(node, x[1], x[2], size[0], size[1]);
  Pooling pooling{{}, planes, w.height * w.width * planes.block, 0};
  pooling.out_plane = w.out_height * w.out_width * planes.block;
  pooling.shape = {w.height,       w.width,         w.out_height,     w.out_width,
                   w.kernel_height, w.kernel_width, w.stride_height,  w.stride_width,
                   w.dilation_height, w.dilation_width, w.top,        w.left,
                   planes.block};
  return pooling;
}

// Which tap was the maximum is kept in one byte.
bool taps_fit_a_byte(const Node& node) {
  return node.integers("size")[0] * node.integers("size")[1] <= 256;
}

template <typename T>
T* at(const RunContext& context, int buffer, int64_t offset = 0) {
  return static_cast<T*>(context.data[buffer]) + offset;
}

void lower_forward(Lowering& lowering, int id, bool maximum) {
  const Node& node = lowering.graph().node(id);
  Layout layout = plane_layout(lowering, node.inputs[0]);
  const Shape& x = lowering.type(node.inputs[0]).shape;
  Pooling pool = pooling_of(node, x, *planes_of(layout, x));
  int source = lowering.in_layout(node.inputs[0], layout);
  Layout target_layout = pool.planes.layout(node.outputs[0].shape);
  int target = lowering.define_new(Value{id, 0}, target_layout);
  std::vector<int> writes = {target};
  int place = -1;
  // Only a gradient needs to remember where the maxima were.
  if (maximum && lowering.is_read(Value{id, 1})) {
    place = lowering.new_buffer(static_cast<size_t>(node.outputs[0].shape.elements()));
    lowering.define_opaque(Value{id, 1}, place, target_layout);
    writes.push_back(place);
  }
  if (pool.planes.tag == dnnl::memory::format_tag::nhwc && place < 0) {
    int64_t rows = x[0] * pool.shape.out_height;
    lowering.add(node.op->name, {source}, writes, [=](const RunContext& context) {
      const KernelTable& k = kernels();
      int64_t grain = 16384 / (pool.in_plane / pool.shape.out_height + 1) + 1;
      parallel_for(context.threads, rows, grain, [&](int64_t first, int64_t last, int) {
        auto* run = maximum ? k.max_pool_rows : k.average_pool_rows;
        run(&pool.shape, at<float>(context, target), at<float>(context, source), first, last);
      });
    });
    return;
  }
  lowering.add(node.op->name, {source}, writes, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    pool.each_plane(context, [&](int64_t in, int64_t out) {
      float* y = at<float>(context, target, out);
      const float* from = at<float>(context, source, in);
      if (maximum)
        k.max_pool(&pool.shape, y, place < 0 ? nullptr : at<uint8_t>(context, place, out), from);
      else
        k.average_pool(&pool.shape, y, from);
    });
  });
}

// The layout of the places of a maximum is that of its forward step: the gradient repeats it.
Layout forward_layout(Lowering& lowering, const Node& node) {
  const Node& forward = lowering.graph().node(node.inputs[1]);
  bool pair = forward.is("max_pool2d") && node.inputs[1].output == 1 &&
              lowering.type(forward.inputs[0]) == node.outputs[0];
  for (const auto& [key, attribute] : forward.attributes) {
    pair = pair && node.attributes.at(key) == attribute;
  }
  if (!pair) {
    throw Error("invalid_graph", node.op->name, "the second input must come from its max_pool2d");
  }
  return plane_layout(lowering, forward.inputs[0]);
}

void lower_gradient(Lowering& lowering, int id, bool maximum) {
  const Node& node = lowering.graph().node(id);
  const Shape& x = node.outputs[0].shape;
  const Shape& y = lowering.type(node.inputs[0]).shape;
  Layout layout;
  if (maximum) {
    layout = forward_layout(lowering, node);
  } else {
    std::optional<Planes> planes = planes_of(plane_layout(lowering, node.inputs[0]), y);
    layout = planes->layout(x);
  }
  Pooling pool = pooling_of(node, x, *planes_of(layout, x));
  int gradient = lowering.in_layout(node.inputs[0], pool.planes.layout(y));
  std::vector<int> reads = {gradient};
  int place = maximum ? lowering.opaque(node.inputs[1]) : -1;
  if (maximum) reads.push_back(place);
  int target = lowering.define_new(Value{id, 0}, layout);
  lowering.add(node.op->name, reads, {target}, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    pool.each_plane(context, [&](int64_t in, int64_t out) {
      float* dx = at<float>(context, target, in);
      const float* dy = at<float>(context, gradient, out);
      if (maximum)
        k.max_pool_grad(&pool.shape, dx, dy, at<uint8_t>(context, place, out));
      else
        k.average_pool_grad(&pool.shape, dx, dy);
    });
  });
}

}  // namespace

bool lower_pooling(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("max_pool2d") && taps_fit_a_byte(node))
    lower_forward(lowering, id, true);
  else if (node.is("avg_pool2d"))
    lower_forward(lowering, id, false);
  else if (node.is("max_pool2d_grad") && taps_fit_a_byte(node))
    lower_gradient(lowering, id, true);
  else if (node.is("avg_pool2d_grad"))
    lower_gradient(lowering, id, false);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
