#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;

OpCase indexed(const std::string& op, std::vector<Ints> floats,
               std::vector<std::pair<Ints, int64_t>> indices,
               std::function<Value(Emit&, Inputs&)> build) {
  OpCase entry{op, std::move(floats), std::move(build)};
  entry.indices = std::move(indices);
  return entry;
}

Value integers(Emit& emit, Ints numbers) {
  Tensor tensor(TensorType{DType::i32, Shape{static_cast<int64_t>(numbers.size())}});
  for (size_t i = 0; i < numbers.size(); ++i) {
    tensor.as<int32_t>()[i] = static_cast<int32_t>(numbers[i]);
  }
  return {emit.graph.add_constant(tensor), 0};
}

void add_bags(std::vector<OpCase>& cases) {
  Attributes padding = {{"padding", int64_t{2}}};
  Attributes table = {{"padding", int64_t{2}}, {"rows", int64_t{6}}};
  cases.push_back(indexed("bag_sum", {{6, 3}}, {{{4, 5}, 6}}, [padding](Emit& emit, Inputs& x) {
    return emit.op("bag_sum", {x[0], x[1]}, padding);
  }));
  cases.push_back(
      indexed("bag_sum", {{6, 3}, {2, 2, 5}}, {{{2, 2, 5}, 6}}, [padding](Emit& emit, Inputs& x) {
        return emit.op("bag_sum", {x[0], x[2], x[1]}, padding);
      }));
  cases.push_back(indexed("scatter_bag", {{4, 3}}, {{{4, 5}, 6}}, [table](Emit& emit, Inputs& x) {
    return emit.op("scatter_bag", {x[0], x[1]}, table);
  }));
  cases.push_back(
      indexed("scatter_bag", {{4, 3}, {4, 5}}, {{{4, 5}, 6}}, [table](Emit& emit, Inputs& x) {
        return emit.op("scatter_bag", {x[0], x[2], x[1]}, table);
      }));
  cases.push_back(
      indexed("bag_dot", {{4, 3}, {6, 3}}, {{{4, 5}, 6}}, [padding](Emit& emit, Inputs& x) {
        return emit.op("bag_dot", {x[0], x[1], x[2]}, padding);
      }));
  OpCase sizes = indexed("bag_sizes", {{1}}, {{{4, 2}, 4}}, [padding](Emit& emit, Inputs& x) {
    return emit.op("bag_sizes", {x[1]}, padding);
  });
  sizes.differentiable = false;
  cases.push_back(sizes);
}

void add_segments(std::vector<OpCase>& cases) {
  // The second segment is empty.
  cases.push_back({"segment_sum", {{7, 3}}, [](Emit& emit, Inputs& x) {
                     return emit.op("segment_sum", {x[0], integers(emit, {0, 3, 3, 5})});
                   }});
  cases.push_back({"segment_spread", {{4, 3}, {7, 3}}, [](Emit& emit, Inputs& x) {
                     Value offsets = integers(emit, {0, 3, 3, 5});
                     return emit.op("segment_spread", {x[0], offsets, x[1]});
                   }});
}

void add_sampling(std::vector<OpCase>& cases) {
  std::vector<std::pair<Ints, int64_t>> indices = {{{4}, 6}, {{4}, 7}, {{4, 3}, 7}};
  OpCase loss =
      indexed("negative_sampling", {{6, 5}, {7, 5}}, indices, [](Emit& emit, Inputs& x) {
        return emit.op("negative_sampling", {x[0], x[1], x[2], x[3], x[4]});
      });
  loss.second_order = false;
  cases.push_back(loss);
  for (int output : {0, 1, 2}) {
    OpCase gradient = indexed(
        "negative_sampling_grad", {{4}, {6, 5}, {7, 5}}, indices, [output](Emit& emit, Inputs& x) {
          Value made = emit.op("negative_sampling_grad", {x[0], x[1], x[2], x[3], x[4], x[5]});
          return Value{made.node, output};
        });
    gradient.differentiable = false;
    cases.push_back(gradient);
  }
}

}  // namespace

void add_embedding_cases(std::vector<OpCase>& cases) {
  add_bags(cases);
  add_segments(cases);
  add_sampling(cases);
}

}  // namespace vanda::testing
