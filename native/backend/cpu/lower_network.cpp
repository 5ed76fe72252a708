#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

Convolution convolution_of(const Node& node, const Shape& x, const Shape& kernel) {
  Convolution shape;
  shape.window = window_of(node, x[1], x[2], kernel[0], kernel[1]);
  shape.batch = x[0];
  shape.channels = x[3];
  shape.filters = kernel[3];
  shape.groups = node.integer("groups");
  return shape;
}

double work_of(const Convolution& c) {
  const Window& w = c.window;
  return static_cast<double>(c.batch * w.out_height * w.out_width) *
         static_cast<double>(w.kernel_height * w.kernel_width * c.filters * c.channels / c.groups);
}

double work_of(const Pooling& p) {
  const Window& w = p.window;
  return static_cast<double>(p.batch * p.channels * w.height * w.width) * 4;
}

void lower_forward(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Convolution shape = convolution_of(node, lowering.type(node.inputs[0]).shape,
                                     lowering.type(node.inputs[1]).shape);
  bool bias = node.inputs.size() == 3;
  bool relu = node.text("activation") == "relu";
  lowering.size_team(work_of(shape));
  Primitive conv = convolution_forward(shape, bias, relu);
  int source = lowering.in_layout(node.inputs[0], conv.source);
  int weights = lowering.kernel_in_layout(node.inputs[1], plain_kernel_layout(shape), conv.weights);
  std::vector<PrimitiveCall::Argument> reads = {{DNNL_ARG_SRC, source, conv.source},
                                                {DNNL_ARG_WEIGHTS, weights, conv.weights}};
  if (bias) reads.push_back({DNNL_ARG_BIAS, lowering.plain(node.inputs[2]), conv.bias});
  int target = lowering.define_new(Value{id, 0}, conv.target);
  lowering.add_primitive(relu ? "conv2d+relu" : "conv2d", conv, reads,
                         {{DNNL_ARG_DST, target, conv.target}});
}

void lower_backward_data(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Convolution shape =
      convolution_of(node, node.outputs[0].shape, lowering.type(node.inputs[1]).shape);
  lowering.size_team(work_of(shape));
  Primitive conv = convolution_backward_data(shape);
  int gradient = lowering.in_layout(node.inputs[0], conv.target);
  int weights = lowering.kernel_in_layout(node.inputs[1], plain_kernel_layout(shape), conv.weights);
  int source = lowering.define_new(Value{id, 0}, conv.source);
  lowering.add_primitive(
      "conv2d_grad_input", conv,
      {{DNNL_ARG_DIFF_DST, gradient, conv.target}, {DNNL_ARG_WEIGHTS, weights, conv.weights}},
      {{DNNL_ARG_DIFF_SRC, source, conv.source}});
}

// The sum of a convolution's output gradient over all places, where the program wants it: the
// gradient of the bias, which oneDNN makes on the way. -1: there is none.
int bias_gradient(const Lowering& lowering, Value gradient) {
  for (int reader : lowering.readers(gradient)) {
    const Node& node = lowering.graph().node(reader);
    bool bias = node.is("sum") && node.outputs[0].shape.rank() == 1 &&
                node.integers("axes") == std::vector<int64_t>{0, 1, 2};
    if (bias && !lowering.is_defined(Value{reader, 0})) return reader;
  }
  return -1;
}

void lower_backward_weights(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Convolution shape =
      convolution_of(node, lowering.type(node.inputs[0]).shape, node.outputs[0].shape);
  lowering.size_team(work_of(shape));
  int bias = bias_gradient(lowering, node.inputs[1]);
  Primitive conv = convolution_backward_weights(shape, bias >= 0);
  int source = lowering.in_layout(node.inputs[0], conv.source);
  int gradient = lowering.in_layout(node.inputs[1], conv.target);
  // The gradient leaves in the outside layout of kernels, where the optimizer works.
  Layout outside = plain_kernel_layout(shape);
  int result = lowering.define_new(Value{id, 0});
  int written = result;
  if (!(conv.weights == outside)) written = lowering.new_buffer(layout_bytes(conv.weights));
  std::vector<PrimitiveCall::Argument> writes = {{DNNL_ARG_DIFF_WEIGHTS, written, conv.weights}};
  if (bias >= 0) {
    writes.push_back({DNNL_ARG_DIFF_BIAS, lowering.define_new(Value{bias, 0}), conv.bias});
  }
  lowering.add_primitive(
      "conv2d_grad_kernel", conv,
      {{DNNL_ARG_SRC, source, conv.source}, {DNNL_ARG_DIFF_DST, gradient, conv.target}}, writes);
  if (written == result) return;
  lowering.size_team(static_cast<double>(layout_bytes(outside)));
  Primitive back;
  back.primitive = reorder(conv.weights, outside, &back.scratch);
  lowering.add_primitive("reorder", back, {{DNNL_ARG_FROM, written, conv.weights}},
                         {{DNNL_ARG_TO, result, outside}});
}

Pooling pooling_of(const Node& node, const Shape& x, bool maximum) {
  const std::vector<int64_t>& size = node.integers("size");
  return {window_of(node, x[1], x[2], size[0], size[1]), x[0], x[3], maximum};
}

bool dilated(const Node& node) {
  return node.integers("dilation")[0] != 1 || node.integers("dilation")[1] != 1;
}

void lower_pool(Lowering& lowering, int id, bool maximum) {
  const Node& node = lowering.graph().node(id);
  Layout layout = lowering.layout_of(node.inputs[0]);
  Pooling shape = pooling_of(node, lowering.type(node.inputs[0]).shape, maximum);
  // Only a gradient needs to remember where the maxima were.
  maximum = maximum && lowering.is_read(Value{id, 1});
  lowering.size_team(work_of(shape));
  Primitive pool = pooling_forward(shape, layout, maximum);
  int source = lowering.in_layout(node.inputs[0], layout);
  int target = lowering.define_new(Value{id, 0}, pool.target);
  std::vector<PrimitiveCall::Argument> writes = {{DNNL_ARG_DST, target, pool.target}};
  if (maximum) {
    int workspace = lowering.new_buffer(layout_bytes(pool.workspace));
    lowering.define_opaque(Value{id, 1}, workspace, pool.workspace);
    writes.push_back({DNNL_ARG_WORKSPACE, workspace, pool.workspace});
  }
  lowering.add_primitive(node.op->name, pool, {{DNNL_ARG_SRC, source, layout}}, writes);
}

void lower_pool_gradient(Lowering& lowering, int id, bool maximum) {
  const Node& node = lowering.graph().node(id);
  Pooling shape = pooling_of(node, node.outputs[0].shape, maximum);
  // A maximum's workspace belongs to the layout of its forward step: the gradient repeats it.
  Layout layout = plain_layout(node.outputs[0]);
  if (maximum) {
    const Node& forward = lowering.graph().node(node.inputs[1]);
    bool pair = forward.is("max_pool2d") && node.inputs[1].output == 1 &&
                lowering.type(forward.inputs[0]) == node.outputs[0];
    for (const auto& [key, attribute] : forward.attributes) {
      pair = pair && node.attributes.at(key) == attribute;
    }
    if (!pair) {
      throw Error("invalid_graph", node.op->name, "the second input must come from its max_pool2d");
    }
    layout = lowering.layout_of(forward.inputs[0]);
  }
  lowering.size_team(work_of(shape));
  Primitive pool = pooling_backward(shape, layout);
  int gradient = lowering.in_layout(node.inputs[0], pool.target);
  std::vector<PrimitiveCall::Argument> reads = {{DNNL_ARG_DIFF_DST, gradient, pool.target}};
  if (maximum) {
    reads.push_back({DNNL_ARG_WORKSPACE, lowering.opaque(node.inputs[1]), pool.workspace});
  }
  int source = lowering.define_new(Value{id, 0}, pool.source);
  lowering.add_primitive(node.op->name, pool, reads, {{DNNL_ARG_DIFF_SRC, source, pool.source}});
}

}  // namespace

bool lower_network(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("conv2d"))
    lower_forward(lowering, id);
  else if (node.is("conv2d_grad_input"))
    lower_backward_data(lowering, id);
  else if (node.is("conv2d_grad_kernel"))
    lower_backward_weights(lowering, id);
  else if (node.is("max_pool2d") && !dilated(node))
    lower_pool(lowering, id, true);
  else if (node.is("avg_pool2d") && !dilated(node))
    lower_pool(lowering, id, false);
  else if (node.is("max_pool2d_grad") && !dilated(node))
    lower_pool_gradient(lowering, id, true);
  else if (node.is("avg_pool2d_grad") && !dilated(node))
    lower_pool_gradient(lowering, id, false);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
