#include <algorithm>
#include <cstring>
#include <memory>

#include "backend/cpu/lowering.hpp"
#include "ops/scan.hpp"

namespace vanda::cpu {

namespace {

// A body as a plan of its own, which reads what it is fed where it lies and keeps its results in
// its own memory. Running it allocates nothing.
class Body {
 public:
  Body(Lowering& lowering, const Program& body, const std::vector<TensorType>& inputs)
      : plan_(lowering.compile_body(body, inputs)) {
    for (const std::string& name : plan_->feed_names()) {
      size_t position = 0;
      while (name != body_input(position)) ++position;
      positions_.push_back(position);
    }
    fed_.resize(positions_.size());
    for (const TensorType& type : plan_->output_types()) bytes_.push_back(type.bytes());
  }

  // `at(position)` gives the memory of an input.
  template <typename At>
  void run(uint64_t step, At at) {
    for (size_t i = 0; i < positions_.size(); ++i) fed_[i] = at(positions_[i]);
    plan_->run(fed_, step);
  }
  const void* output(size_t i) const { return plan_->output(i); }
  size_t bytes(size_t i) const { return bytes_[i]; }
  size_t outputs() const { return bytes_.size(); }

 private:
  std::shared_ptr<Plan> plan_;
  std::vector<size_t> positions_;
  std::vector<const void*> fed_;
  std::vector<size_t> bytes_;
};

struct Scan {
  Scan(const ScanShape& shape, const Body& body, int64_t length)
      : shape(shape), body(body), length(length), element_bytes(shape.sequences) {}

  ScanShape shape;
  Body body;
  int64_t length;
  int count = -1;                       // buffer of the number of steps, where it is given
  std::vector<int> inputs;              // buffers: states, sequences, shared
  std::vector<size_t> element_bytes;    // of the sequences
  std::vector<int> states, others;      // buffers of the states, and of the next ones
  std::vector<int> results, histories;  // buffers; -1 where nobody reads it
  int counted = -1;                     // buffer of how many steps were done

  size_t state_bytes(size_t i) const { return body.bytes(shape.first_state() + i); }

  int64_t steps(const RunContext& context) const {
    if (count < 0) return length;
    int64_t wanted = *static_cast<const int32_t*>(context.data[count]);
    return std::clamp<int64_t>(wanted, 0, length);
  }

  static char* row(const RunContext& context, int buffer, int64_t t, size_t bytes) {
    return static_cast<char*>(context.data[buffer]) + static_cast<size_t>(t) * bytes;
  }

  // One step from `now` to `next`; false where the condition ended the scan.
  bool advance(const RunContext& context, int64_t t, const std::vector<int>& now,
               const std::vector<int>& next) {
    body.run(context.step, [&](size_t position) -> const void* {
      if (position < shape.states) return context.data[now[position]];
      if (position < shape.states + shape.sequences) {
        return row(context, inputs[position], t, element_bytes[position - shape.states]);
      }
      return context.data[inputs[position]];
    });
    if (shape.conditional && *static_cast<const uint8_t*>(body.output(0)) == 0) return false;
    for (size_t i = 0; i < shape.states; ++i) {
      size_t bytes = state_bytes(i);
      if (histories[i] >= 0)
        std::memcpy(row(context, histories[i], t, bytes), context.data[now[i]], bytes);
      // Into other memory than the old states: a result may be one of those itself.
      std::memcpy(context.data[next[i]], body.output(shape.first_state() + i), bytes);
    }
    for (size_t i = 0; i < results.size(); ++i) {
      size_t output = shape.first_state() + shape.states + i;
      if (results[i] >= 0)
        std::memcpy(row(context, results[i], t, body.bytes(output)), body.output(output),
                    body.bytes(output));
    }
    return true;
  }

  // What no step wrote is zero.
  void clear(const RunContext& context, int64_t from) const {
    auto zero = [&](int buffer, size_t bytes) {
      if (buffer >= 0)
        std::memset(row(context, buffer, from, bytes), 0,
                    static_cast<size_t>(length - from) * bytes);
    };
    for (size_t i = 0; i < results.size(); ++i) {
      zero(results[i], body.bytes(shape.first_state() + shape.states + i));
    }
    for (size_t i = 0; i < histories.size(); ++i) zero(histories[i], state_bytes(i));
  }

  void run(const RunContext& context) {
    for (size_t i = 0; i < shape.states; ++i) {
      std::memcpy(context.data[states[i]], context.data[inputs[i]], state_bytes(i));
    }
    int64_t total = steps(context);
    int64_t done = 0;
    while (done < total) {
      int64_t t = shape.reverse ? total - 1 - done : done;
      bool odd = done % 2 == 1;
      if (!advance(context, t, odd ? others : states, odd ? states : others)) break;
      ++done;
    }
    for (size_t i = 0; done % 2 == 1 && i < shape.states; ++i) {
      std::memcpy(context.data[states[i]], context.data[others[i]], state_bytes(i));
    }
    clear(context, done);
    if (counted >= 0) *static_cast<int32_t*>(context.data[counted]) = static_cast<int32_t>(done);
  }
};

void lower_scan(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  std::vector<TensorType> types;
  std::vector<int> reads;
  for (Value input : node.inputs) {
    types.push_back(lowering.type(input));
    reads.push_back(lowering.plain(input));
  }
  ScanShape shape(node, node.inputs.size());
  std::vector<TensorType> fed = scan_body_inputs(shape, types);
  Body body(lowering, *node.bodies[0], fed);
  shape.results = body.outputs() - shape.first_state() - shape.states;
  auto scan = std::make_shared<Scan>(shape, body, scan_length(node, shape, types));
  if (shape.counted) scan->count = reads[0];
  scan->inputs.assign(reads.begin() + static_cast<std::ptrdiff_t>(shape.first), reads.end());
  for (size_t i = 0; i < shape.sequences; ++i) {
    scan->element_bytes[i] = fed[shape.states + i].bytes();
  }
  std::vector<int> writes;
  auto output = [&](size_t i, bool needed) {
    Value value{id, static_cast<int>(i)};
    if (!needed && !lowering.is_read(value)) return -1;
    writes.push_back(lowering.define_new(value));
    return writes.back();
  };
  for (size_t i = 0; i < shape.states; ++i) {
    scan->states.push_back(output(i, true));
    writes.push_back(lowering.new_buffer(fed[i].bytes()));
    scan->others.push_back(writes.back());
  }
  for (size_t i = 0; i < shape.results; ++i) {
    scan->results.push_back(output(shape.first_result() + i, false));
  }
  for (size_t i = 0; i < shape.states; ++i) {
    scan->histories.push_back(output(shape.first_history() + i, false));
  }
  if (shape.conditional) scan->counted = output(shape.count_output(), false);
  lowering.add("scan", reads, writes, [scan](const RunContext& context) { scan->run(context); });
}

void lower_cond(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  std::vector<TensorType> types;
  std::vector<int> reads;
  for (Value input : node.inputs) {
    types.push_back(lowering.type(input));
    reads.push_back(lowering.plain(input));
  }
  types.erase(types.begin());
  auto bodies = std::make_shared<std::vector<Body>>();
  for (const auto& body : node.bodies) bodies->emplace_back(lowering, *body, types);
  std::vector<int> writes;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    writes.push_back(lowering.define_new(Value{id, static_cast<int>(i)}));
  }
  lowering.add("cond", reads, writes, [=](const RunContext& context) {
    bool taken = *static_cast<const uint8_t*>(context.data[reads[0]]) != 0;
    Body& body = (*bodies)[taken ? 0 : 1];
    body.run(context.step, [&](size_t position) { return context.data[reads[position + 1]]; });
    for (size_t i = 0; i < writes.size(); ++i) {
      std::memcpy(context.data[writes[i]], body.output(i), body.bytes(i));
    }
  });
}

}  // namespace

bool lower_control(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.is("scan"))
    lower_scan(lowering, id);
  else if (node.is("cond"))
    lower_cond(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
