#include "ops/register.hpp"

#include <mutex>

#include "ops/elementwise.hpp"

namespace vanda {

void register_ops() {
  static std::once_flag once;
  std::call_once(once, [] {
    register_family("Sources", register_sources);
    register_family("Elementwise", register_elementwise);
    register_family("Reductions", register_reductions);
    register_family("Shape", register_shape_ops);
    register_family("Shape", register_slices);
    register_family("Order", register_order);
    register_family("Order", register_sort);
    register_family("Pooling", register_grid_sample);
    register_family("Linear algebra", register_linear_algebra);
    register_family("Linear algebra", register_decompositions);
    register_family("Spectra", register_spectrum);
    register_family("Detection", register_detection);
    register_family("Sequences", register_ctc);
    register_family("Control flow", register_scan);
    register_family("Control flow", register_cond);
    register_family("Control flow", register_call);
    register_family("Rows and indices", register_indexing);
    register_family("Random", register_random);
    register_family("Gradients", register_custom_gradient);
    register_family("Gradients", register_recompute);
    register_family("Products", register_matmul);
    register_family("Convolution", register_convolution);
    register_family("Pooling", register_pooling);
    register_family("Pooling", register_resize);
    register_family("Normalisation", register_normalization);
    register_family("Normalisation", register_layer_normalization);
    register_family("Rows and indices", register_gather);
    register_family("Softmax and cross-entropy", register_softmax);
    register_family("Sequences", register_recurrent);
    register_family("Sequences", register_attention);
    register_family("Products", register_fused_product);
    register_family("Random", register_dropout);
    register_family("Updates of variables", register_updates);
    register_family("Updates of variables", register_lookups);
    register_family("Embedding", register_embedding);
  });
}

}  // namespace vanda
