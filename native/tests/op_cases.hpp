#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/emit.hpp"

namespace vanda::testing {

// One way to use one op: its float inputs (drawn at random in [low, high]), integer inputs, and how
// to build it. Every op with a gradient appears here; a test holds the list against the table.
struct OpCase {
  std::string op;
  std::vector<std::vector<int64_t>> inputs;
  std::function<Value(Emit&, std::vector<Value>&)> build;
  double low = -1;
  double high = 1;
  // Placeholders of i32 behind the float ones: shape and exclusive upper bound.
  std::vector<std::pair<std::vector<int64_t>, int64_t>> indices = {};
  bool differentiable = true;
  bool second_order = true;
  // The op itself on the inputs as they are, so that their dtypes are the ones that it takes.
  bool plain = false;
};

const std::vector<OpCase>& op_cases();
// Families with a file of their own.
void add_network_cases(std::vector<OpCase>& cases);
void add_sequence_cases(std::vector<OpCase>& cases);
void add_embedding_cases(std::vector<OpCase>& cases);

// An op on its inputs as they are.
OpCase simple_case(const std::string& op, std::vector<std::vector<int64_t>> inputs,
                   Attributes attributes = {}, double low = -1, double high = 1);
void add_reduction_cases(std::vector<OpCase>& cases);
void add_order_cases(std::vector<OpCase>& cases);
void add_matrix_cases(std::vector<OpCase>& cases);
void add_control_cases(std::vector<OpCase>& cases);
void add_long_tail_cases(std::vector<OpCase>& cases);
void add_indexing_cases(std::vector<OpCase>& cases);
void add_movement_cases(std::vector<OpCase>& cases);
void add_gradient_cases(std::vector<OpCase>& cases);

}  // namespace vanda::testing
