#include "backend/cpu/steps.hpp"

#include <omp.h>

#include "core/error.hpp"

namespace vanda::cpu {

PrimitiveCall::PrimitiveCall(dnnl::primitive primitive, const std::vector<Argument>& arguments,
                             const dnnl::stream& stream, int team)
    : primitive_(std::move(primitive)), stream_(stream), team_(team) {
  for (const Argument& argument : arguments) {
    if (argument.layout.get_size() == 0) continue;
    bound_.push_back(
        {dnnl::memory(argument.layout, onednn_engine(), nullptr), argument.buffer, nullptr});
    arguments_.push_back({argument.number, bound_.back().memory.get()});
  }
}

void PrimitiveCall::operator()(const RunContext& context) {
  omp_set_num_threads(team_);
  for (Bound& bound : bound_) {
    void* pointer = context.data[bound.buffer];
    if (pointer == bound.last) continue;
    bound.memory.set_data_handle(pointer);
    bound.last = pointer;
  }
  dnnl_status_t status = dnnl_primitive_execute(
      primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()), arguments_.data());
  if (status != dnnl_success) {
    throw Error(status == dnnl_out_of_memory ? "out_of_memory" : "internal", "oneDNN",
                "a primitive failed with status " + std::to_string(status));
  }
}

}  // namespace vanda::cpu
