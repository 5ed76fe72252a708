#pragma once

namespace vanda {

// Fills the table of ops once; every entry into the engine calls it first.
void register_ops();

void register_sources();
void register_reductions();
void register_shape_ops();
void register_slices();
void register_order();
void register_sort();
void register_grid_sample();
void register_linear_algebra();
void register_decompositions();
void register_spectrum();
void register_detection();
void register_ctc();
void register_scan();
void register_cond();
void register_call();
void register_indexing();
void register_random();
void register_custom_gradient();
void register_recompute();
void register_matmul();
void register_convolution();
void register_pooling();
void register_resize();
void register_normalization();
void register_layer_normalization();
void register_gather();
void register_softmax();
void register_recurrent();
void register_attention();
void register_fused_product();
void register_dropout();
void register_updates();
void register_lookups();
void register_embedding();
void register_segments();
void register_negative_sampling();

}  // namespace vanda
