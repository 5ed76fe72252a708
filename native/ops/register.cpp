#include "ops/register.hpp"

#include <mutex>

#include "ops/elementwise.hpp"

namespace vanda {

void register_ops() {
  static std::once_flag once;
  std::call_once(once, [] {
    register_sources();
    register_elementwise();
    register_reductions();
    register_shape_ops();
    register_matmul();
    register_convolution();
    register_pooling();
    register_normalization();
    register_gather();
    register_softmax();
    register_dropout();
    register_updates();
  });
}

}  // namespace vanda
