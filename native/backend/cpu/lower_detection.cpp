#include "ops/detection.hpp"

#include <algorithm>
#include <numeric>

#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

struct Suppression {
  int64_t boxes, size;
  float overlap, threshold;

  // `order` is scratch for the places of all boxes.
  int32_t run(const float* box, const float* score, int32_t* places, int32_t* order) const {
    int64_t candidates = 0;
    for (int64_t i = 0; i < boxes; ++i) {
      if (score[i] > threshold) order[candidates++] = static_cast<int32_t>(i);
    }
    std::sort(order, order + candidates, [&](int32_t a, int32_t b) {
      return score[a] > score[b] || (score[a] == score[b] && a < b);
    });
    int32_t count = 0;
    for (int64_t i = 0; i < candidates && count < size; ++i) {
      const float* own = box + order[i] * 4;
      bool free = true;
      for (int32_t k = 0; free && k < count; ++k) {
        free = !(shared_part(box + places[k] * 4, own) > overlap);
      }
      if (free) places[count++] = order[i];
    }
    std::fill(places + count, places + size, 0);
    return count;
  }
};

}  // namespace

bool lower_detection(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (!node.is("non_max_suppression") || lowering.type(node.inputs[0]).dtype != DType::f32)
    return false;
  const Shape& scores = lowering.type(node.inputs[1]).shape;
  if (scores.elements() > INT32_MAX / 4) return false;
  int64_t pictures = scores[0];
  Suppression rule{scores[1], node.integer("size"), static_cast<float>(node.number("overlap")),
                   static_cast<float>(node.number("scoreThreshold"))};
  int64_t team = std::min<int64_t>(lowering.threads(), pictures);
  int scratch = lowering.new_buffer(static_cast<size_t>(team * rule.boxes) * sizeof(int32_t));
  int box = lowering.plain(node.inputs[0]);
  int score = lowering.plain(node.inputs[1]);
  int places = lowering.define_new(Value{id, 0});
  int count = lowering.define_new(Value{id, 1});
  lowering.add(
      "non_max_suppression", {box, score}, {places, count, scratch},
      [=](const RunContext& context) {
        parallel_for(context.threads, pictures, 1, [&](int64_t begin, int64_t end, int thread) {
          for (int64_t n = begin; n < end; ++n) {
            static_cast<int32_t*>(context.data[count])[n] =
                rule.run(static_cast<const float*>(context.data[box]) + n * rule.boxes * 4,
                         static_cast<const float*>(context.data[score]) + n * rule.boxes,
                         static_cast<int32_t*>(context.data[places]) + n * rule.size,
                         static_cast<int32_t*>(context.data[scratch]) + thread * rule.boxes);
          }
        });
      });
  return true;
}

}  // namespace vanda::cpu
