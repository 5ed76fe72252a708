#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "backend/cpu/direct_convolution.hpp"

namespace vanda::cpu {

namespace {

// Convolutions one after the other (a wide one, a depthwise one, a narrow one, as in the blocks of
// MobileNet and EfficientNet), made a few rows at a time: what lies between them never leaves the
// cache of a core. (As in Alwani et al., "Fused-Layer CNN Accelerators", 2016.)

// Bytes between the convolutions from which on they would come from beyond the cache of a core.
constexpr int64_t kWorthIt = int64_t{2} << 20;
// Bytes of rows at a time: half of a core's cache, the rest is for the results and the kernels,
// which are read for each few rows again.
constexpr int64_t kRoom = int64_t{256} << 10;
constexpr int64_t kKernels = int64_t{64} << 10;
// Rows of the result at a time, at least: with fewer, rows would be moved up for nothing else.
constexpr int64_t kRowsMin = 2;

// Nodes; -1 where there is none.
struct Chain {
  int wide = -1, depth = -1, narrow = -1;
  int last() const { return narrow >= 0 ? narrow : depth; }
  int first() const { return wide >= 0 ? wide : depth; }
};

// Rows begin..end of a convolution's result, as a convolution of those rows of the picture that
// they hang on.
struct Rows {
  ConvShape shape;
  int64_t from;  // row of the picture
};
Rows rows_of(const ConvShape& whole, int64_t begin, int64_t end) {
  int64_t top = begin * whole.stride_height - whole.top;
  int64_t bottom = (end - 1) * whole.stride_height - whole.top +
                   (whole.kernel_height - 1) * whole.dilation_height + 1;
  Rows rows{whole, std::clamp(top, int64_t{0}, whole.height)};
  rows.shape.height = std::max(rows.from, std::min(bottom, whole.height)) - rows.from;
  rows.shape.out_height = end - begin;
  rows.shape.top = rows.from - top;
  return rows;
}

int64_t floats_of_row(const ConvShape& s) { return s.width * s.channels; }
int64_t floats_of_result_row(const ConvShape& s) { return s.out_width * s.filters; }

// How many rows of a depthwise convolution's result are made at a time; 0 where not even a few have
// room.
int64_t rows_at_a_time(const ConvShape& depth) {
  int64_t row = floats_of_row(depth) * static_cast<int64_t>(sizeof(float));
  int64_t window = (depth.kernel_height - 1) * depth.dilation_height + 1;
  int64_t rows = (kRoom / row - window) / depth.stride_height + 1;
  if (kRoom / row < window || rows < std::min(kRowsMin, depth.out_height)) return 0;
  return std::min(rows, depth.out_height);
}

// Read by one node alone, as its pictures.
int reader_of(const Lowering& lowering, int id) {
  Value value{id, 0};
  if (!lowering.is_read(value) || lowering.is_output(value)) return -1;
  const std::vector<int>& readers = lowering.readers(value);
  if (readers.size() != 1) return -1;
  const Node& reader = lowering.graph().node(readers[0]);
  return reader.is("conv2d") && reader.inputs[0] == value ? readers[0] : -1;
}

bool is_depth_of_chain(const Lowering& lowering, int id) {
  if (!is_direct(lowering, id)) return false;
  const Node& node = lowering.graph().node(id);
  return is_depthwise(node) && node.inputs.size() < 4 &&
         rows_at_a_time(shape_of_convolution(lowering, node)) > 0;
}

int narrow_of(const Lowering& lowering, int depth) {
  int id = reader_of(lowering, depth);
  if (id < 0 || !is_direct(lowering, id)) return -1;
  const Node& node = lowering.graph().node(id);
  if (is_depthwise(node)) return -1;
  ConvShape s = shape_of_convolution(lowering, node);
  bool point = s.kernel_height * s.kernel_width == 1 && s.stride_height == 1 &&
               s.stride_width == 1 && s.out_height == s.height && s.out_width == s.width;
  return point ? id : -1;
}

int64_t bytes_of(const Lowering& lowering, Value value) {
  return static_cast<int64_t>(lowering.type(value).bytes());
}

Chain chain_of(const Lowering& lowering, int depth);

int wide_of(const Lowering& lowering, int depth) {
  const Node& node = lowering.graph().node(depth);
  int id = node.inputs[0].node;
  if (reader_of(lowering, id) != depth || !is_direct(lowering, id)) return -1;
  const Node& wide = lowering.graph().node(id);
  if (is_depthwise(wide) || wide.inputs.size() == 4 ||
      Winograd::suits(shape_of_convolution(lowering, wide)))
    return -1;
  // It may be the narrow one of the chain before.
  int before = wide.inputs[0].node;
  if (is_depth_of_chain(lowering, before) && chain_of(lowering, before).narrow == id) return -1;
  return id;
}

// The chain around a depthwise convolution; an empty one where it would not pay.
Chain chain_of(const Lowering& lowering, int depth) {
  Chain chain{wide_of(lowering, depth), depth, narrow_of(lowering, depth)};
  int64_t between = 0, kernels = 0;
  auto count = [&](int conv, int result) {
    if (conv < 0) return;
    between += bytes_of(lowering, Value{result, 0});
    kernels += bytes_of(lowering, lowering.graph().node(conv).inputs[1]);
  };
  count(chain.wide, chain.wide);
  count(chain.narrow, depth);
  return between >= kWorthIt && kernels <= kKernels ? chain : Chain{};
}

// The chain that a node is part of.
Chain chain_with(const Lowering& lowering, int id) {
  if (is_depth_of_chain(lowering, id)) return chain_of(lowering, id);
  int before = lowering.graph().node(id).inputs[0].node;
  if (is_depth_of_chain(lowering, before)) {
    Chain chain = chain_of(lowering, before);
    if (chain.narrow == id) return chain;
  }
  int after = reader_of(lowering, id);
  if (after >= 0 && is_depth_of_chain(lowering, after)) {
    Chain chain = chain_of(lowering, after);
    if (chain.wide == id) return chain;
  }
  return {};
}

struct ConvolutionChain {
  std::shared_ptr<DirectConvolution> wide, depth, narrow;
  int64_t rows = 0;  // of the depthwise result at a time
  int room = -1;  // a buffer of room_floats for each thread: rows of the wide result, then of the
                  // depthwise one
  int64_t wide_floats = 0, room_floats = 0;

  const DirectConvolution& first() const { return wide ? *wide : *depth; }
  const DirectConvolution& last() const { return narrow ? *narrow : *depth; }

  void run(const RunContext& context) const {
    int64_t height = depth->shape.out_height;
    int64_t all = depth->batch * height;
    // Where parts of a picture meet, rows of the wide result are made twice.
    int64_t grain = depth->batch >= 2 * context.threads
                        ? height
                        : (all + 2 * context.threads - 1) / (2 * context.threads);
    share_out(context.threads, all, grain, [&](int64_t begin, int64_t end, int seat) {
      float* own = static_cast<float*>(context.data[room]) + seat * room_floats;
      while (begin < end) {
        int64_t picture = begin / height;
        int64_t stop = std::min(end, (picture + 1) * height);
        run_rows(context, own, picture, begin - picture * height, stop - picture * height);
        begin = stop;
      }
    });
  }

  // Rows begin..end of a picture.
  void run_rows(const RunContext& context, float* own, int64_t picture, int64_t begin,
                int64_t end) const {
    const ConvShape& source = first().shape;
    const float* pictures = static_cast<const float*>(context.data[first().source]) +
                            picture * source.height * floats_of_row(source);
    int64_t made = 0, made_from = 0;  // rows of the wide result
    for (int64_t row = begin; row < end; row += rows) {
      int64_t stop = std::min(row + rows, end);
      Rows own_rows = rows_of(depth->shape, row, stop);
      const float* x = pictures + own_rows.from * floats_of_row(depth->shape);
      if (wide) {
        make_wide(context, own, pictures, own_rows, row > begin, &made_from, &made);
        x = own;
      }
      run_depth(context, own, x, own_rows, picture * depth->shape.out_height + row);
    }
  }

  // Moves up the rows that are still needed and makes the others.
  void make_wide(const RunContext& context, float* own, const float* pictures, const Rows& wanted,
                 bool keep, int64_t* made_from, int64_t* made) const {
    int64_t row = floats_of_row(depth->shape);
    int64_t end = wanted.from + wanted.shape.height;
    int64_t next = wanted.from;
    if (keep && *made > wanted.from) {
      next = *made;
      std::memmove(own, own + (wanted.from - *made_from) * row,
                   static_cast<size_t>((next - wanted.from) * row) * sizeof(float));
    }
    *made_from = wanted.from;
    *made = end;
    if (next >= end) return;
    Rows rows_made = rows_of(wide->shape, next, end);
    ConvEpilogue finish = wide->epilogue(context);
    finish.stream = finish.far = 0;
    const KernelTable& k = kernels();
    int64_t panels = (wide->shape.filters + k.panel - 1) / k.panel;
    k.convolve(&rows_made.shape, &finish, own + (next - wanted.from) * row,
               pictures + rows_made.from * floats_of_row(wide->shape),
               static_cast<const float*>(wide->zeros.data()),
               static_cast<const float*>(context.data[wide->kernel]), 0,
               (end - next) * wide->shape.out_width, 0, panels);
  }

  // `row` counts from the first picture.
  void run_depth(const RunContext& context, float* own, const float* x, const Rows& wanted,
                 int64_t row) const {
    ConvEpilogue finish = depth->epilogue(context);
    finish.stream = finish.far = 0;
    float* result = static_cast<float*>(context.data[last().target]) + last().offset +
                    row * depth->shape.out_width * last().shape.target_row;
    float* y = narrow ? own + wide_floats : result;
    const KernelTable& k = kernels();
    k.convolve_depth(&wanted.shape, &finish, y, x, static_cast<const float*>(depth->zeros.data()),
                     static_cast<const float*>(context.data[depth->kernel]), 0,
                     wanted.shape.out_height);
    if (!narrow) return;
    ConvShape shape = narrow->shape;
    shape.height = shape.out_height = wanted.shape.out_height;
    int64_t place = row * shape.out_width;
    finish = narrow->epilogue(context);
    finish.far = 0;
    if (finish.residual != nullptr) finish.residual += place * shape.filters;
    int64_t panels = (shape.filters + k.panel - 1) / k.panel;
    k.convolve(&shape, &finish, result, y, static_cast<const float*>(narrow->zeros.data()),
               static_cast<const float*>(context.data[narrow->kernel]), 0,
               shape.out_height * shape.out_width, 0, panels);
  }
};

}  // namespace

bool lower_convolution_chain(Lowering& lowering, int id) {
  Chain chain = chain_with(lowering, id);
  if (chain.depth < 0) return false;
  if (id != chain.last()) return true;  // comes with the last one
  auto step = std::make_shared<ConvolutionChain>();
  int source = lowering.plain(lowering.graph().node(chain.first()).inputs[0]);
  std::vector<int> reads = {source}, writes;
  auto plan = [&](int node) -> std::shared_ptr<DirectConvolution> {
    return node < 0 ? nullptr : plan_convolution(lowering, node, reads, writes);
  };
  step->wide = plan(chain.wide);
  step->depth = plan(chain.depth);
  step->narrow = plan(chain.narrow);
  (step->wide ? step->wide : step->depth)->source = source;
  place_result(lowering, id, step->narrow ? *step->narrow : *step->depth);
  const ConvShape& s = step->depth->shape;
  step->rows = rows_at_a_time(s);
  int64_t window =
      (step->rows - 1) * s.stride_height + (s.kernel_height - 1) * s.dilation_height + 1;
  step->wide_floats = step->wide ? std::min(window, s.height) * floats_of_row(s) : 0;
  step->room_floats = step->wide_floats + (step->narrow ? step->rows * floats_of_result_row(s) : 0);
  size_t room = static_cast<size_t>(lowering.threads() * step->room_floats) * sizeof(float);
  step->room = lowering.new_buffer(room);
  writes.insert(writes.begin(), step->last().target);
  writes.push_back(step->room);
  int count = (chain.wide >= 0) + (chain.depth >= 0) + (chain.narrow >= 0);
  const Node& last = lowering.graph().node(id);
  lowering.add(std::to_string(count) + " x " + last.op->name + label_of_epilogue(last), reads,
               writes, [step](const RunContext& context) { step->run(context); });
  return true;
}

}  // namespace vanda::cpu
