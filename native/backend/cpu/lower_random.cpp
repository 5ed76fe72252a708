#include "backend/cpu/kernels/random.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/philox.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kGrain = 16384;

// The key mixes seed, salt and the kind of numbers; the step sits in the counter.
RandomStream stream_of(const Node& node) {
  uint64_t salt = static_cast<uint64_t>(node.integer("salt"));
  uint64_t kind = hash_name(node.op->name.data(), node.op->name.size());
  std::array<uint32_t, 4> mixed =
      philox(philox_key(static_cast<uint64_t>(node.integer("seed"))),
             {static_cast<uint32_t>(salt), static_cast<uint32_t>(salt >> 32),
              static_cast<uint32_t>(kind), static_cast<uint32_t>(kind >> 32)});
  return {{mixed[0], mixed[1]}, {0, 0}};
}

template <typename T, typename Fill>
void add_step(Lowering& lowering, int id, Fill fill) {
  const Node& node = lowering.graph().node(id);
  RandomStream stream = stream_of(node);
  int64_t elements = node.outputs[0].shape.elements();
  int target = lowering.define_new(Value{id, 0});
  lowering.add(node.op->name, {}, {target}, [=](const RunContext& context) {
    T* out = static_cast<T*>(context.data[target]);
    RandomStream now = stream;
    now.step[0] = static_cast<uint32_t>(context.step);
    now.step[1] = static_cast<uint32_t>(context.step >> 32);
    parallel_for(context.threads, elements, kGrain, [&](int64_t begin, int64_t end, int) {
      fill(out + begin, begin, end - begin, now);
    });
  });
}

}  // namespace

bool lower_random(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (!node.op->name.starts_with("random_")) return false;
  if (node.is("random_bernoulli")) {
    auto threshold = static_cast<uint64_t>(node.number("probability") * 4294967296.0);
    add_step<uint8_t>(lowering, id,
                      [=](uint8_t* out, int64_t begin, int64_t n, const RandomStream& stream) {
                        random_kernels().bernoulli(out, begin, n, &stream, threshold);
                      });
    return true;
  }
  bool uniform = node.is("random_uniform");
  double low = node.number(uniform ? "low" : "mean");
  double range = uniform ? node.number("high") - low : node.number("deviation");
  auto first = static_cast<float>(low);
  auto second = static_cast<float>(range);
  auto function = uniform                    ? random_kernels().uniform
                  : node.is("random_normal") ? random_kernels().normal
                                             : random_kernels().truncated;
  add_step<float>(lowering, id,
                  [=](float* out, int64_t begin, int64_t n, const RandomStream& stream) {
                    function(out, begin, n, &stream, first, second);
                  });
  return true;
}

}  // namespace vanda::cpu
