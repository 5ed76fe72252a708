#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backend/cpu/packed_variable.hpp"
#include "backend/cpu/steps.hpp"
#include "core/backend.hpp"

namespace vanda::cpu {

enum class BufferKind : uint8_t { arena, feed, variable, fixed, view };

struct Buffer {
  BufferKind kind = BufferKind::arena;
  size_t bytes = 0;
  void* data = nullptr;                 // all but arena and feed
  std::shared_ptr<AlignedBytes> owned;  // fixed
  bool constant = false;                // fixed: of the graph, not a packed variable
  Variable* variable = nullptr;
  int feed = -1;
  // What lies in it and how, for people; none where it is no value of the graph.
  std::optional<TensorType> type = std::nullopt;
  std::optional<Layout> layout = std::nullopt;
  int owner = -1;     // view: the buffer that it is a part of, never a view itself
  size_t offset = 0;  // view: in bytes
};

// The buffer that a view is a part of, or the buffer itself.
inline int root_of(const std::vector<Buffer>& buffers, int buffer) {
  const Buffer& own = buffers[static_cast<size_t>(buffer)];
  return own.kind == BufferKind::view ? own.owner : buffer;
}

// Turns nodes into steps over numbered buffers, and assigns layouts on the way: a value lives in
// the layout in which its producer likes to write it; a reader that wants another one gets a
// reordered copy, made once and shared by all who want the same.
class Lowering {
 public:
  explicit Lowering(const CompileRequest& request);
  void run();

  const Graph& graph() const { return request_.program.graph; }
  const TensorType& type(Value value) const { return graph().type(value); }
  int threads() const { return request_.threads; }
  // Compiles a body of a node; its memory counts among that of the plan.
  std::shared_ptr<Plan> compile_body(const Program& body, const std::vector<TensorType>& inputs);
  const dnnl::stream& stream() const { return stream_; }

  // Before a primitive is made: small work stays on the calling thread, since waking a team costs
  // more (and far more on a busy machine). `work` is in multiply-adds or bytes moved.
  void size_team(double work);

  int new_buffer(size_t bytes);
  // The memory of a packed variable, which keeps its content from run to run.
  int packed_buffer(const PackedVariable& packed);
  // The steps and buffers added since then were made of a value alone. Where it hangs on variables
  // and constants alone, they keep their memory and run again only when a variable was written.
  void keep_if_steady(Value value, size_t first_step, size_t first_buffer);
  // A part of a buffer, read where it lies: it costs no copy and keeps the whole alive.
  int view_of(int buffer, size_t offset, size_t bytes);
  // The buffer of a value as the world outside sees it (row-major), reordering if need be.
  int plain(Value value);
  int in_layout(Value value, const Layout& wanted);
  // Row-major, in bfloat16 where the layout that a product wants is.
  int factor(Value value, const Layout& wanted);
  // Whether a node is a product of factors in bfloat16 that the plan leaves to oneDNN's primitives.
  bool in_bf16(const Node& node) const;
  // The layout in which the value was produced.
  Layout layout_of(Value value) const;
  bool is_plain(Value value) const;
  bool is_read(Value value) const { return read_.contains(value); }
  // Handed out to the world.
  bool is_output(Value value) const;
  bool is_defined(Value value) const { return copies_.contains(value); }
  // Nodes that read a value, in the order of the schedule.
  const std::vector<int>& readers(Value value) const { return readers_.at(value); }
  // A kernel in the layout of a primitive; repacked only when a variable that it is made of was
  // written, if it is made of nothing else.
  int kernel_in_layout(Value value, const Layout& outside, const Layout& wanted);

  void define(Value value, int buffer, const std::optional<Layout>& layout = std::nullopt);
  // The same memory in the same layout under another name.
  void alias(Value value, Value of) { copies_[value] = {copies_.at(of)[0]}; }
  int define_new(Value value);
  int define_new(Value value, const Layout& layout);
  // A buffer of the plain form of an opaque output (a pooling's workspace).
  void define_opaque(Value value, int buffer, const Layout& layout) {
    define(value, buffer, layout);
  }
  int opaque(Value value) const;
  // For what an effect reads: a variable as it was before any effect of this step wrote it.
  int snapshot(Value value);

  Step& add(std::string label, std::vector<int> reads, std::vector<int> writes,
            std::function<void(const RunContext&)> run);
  void add_primitive(std::string label, const Primitive& primitive,
                     std::vector<PrimitiveCall::Argument> reads,
                     std::vector<PrimitiveCall::Argument> writes);

  std::vector<Step> steps;
  std::vector<Buffer> buffers;
  std::vector<std::string> feed_names;
  std::vector<int> output_buffers;
  std::vector<Variable*> written;  // by effects
  bool uses_openmp = false;        // some step is a primitive that OpenMP's threads share
  size_t body_bytes = 0;           // what the plans of bodies need
  PackedPages packed_pages;
  // Matrices packed for our own product kernel, by value and view (see panels.hpp).
  std::map<std::vector<int64_t>, int> panels;
  // Concatenations that parts are written into before they are lowered themselves, and these parts
  // (see concat_parts.hpp).
  std::map<int, int> concat_buffers;
  std::set<Value> in_concat;
  // Multi-tensor updates that further ones of the same setting join, by setting; closed by an
  // effect of another kind, which may read what they write.
  struct OpenUpdate {
    std::shared_ptr<void> update;
    size_t step = 0;
  };
  std::map<std::string, OpenUpdate> open_updates;

 private:
  struct Copy {
    std::optional<Layout> layout;  // none: plain
    int buffer;
  };
  void lower(int id);
  void lower_source(int id);
  void lower_outputs();
  void lower_op(int id);
  Variable* variable_behind(int buffer) const;
  int reorder_step(int source, const Layout& from, const Layout& to);
  bool is_steady(const Node& node) const;
  void keep(const std::set<Variable*>& variables, size_t first_step, size_t first_buffer);

  const CompileRequest& request_;
  dnnl::stream stream_;
  // Off: readers are told that everything is row-major, and pay for a reorder each.
  bool layouts_flow_;
  int team_ = 1;
  std::map<Value, std::vector<Copy>> copies_;  // the first one is as produced
  std::set<Value> read_;
  std::map<Value, std::vector<int>> readers_;
  std::map<Value, int> snapshots_;
  // Nodes that hang on variables and constants alone, in programs that write none, with those
  // variables: serving computes them once.
  std::map<int, std::set<Variable*>> steady_;
};

// Each family of ops in its own file; they return false for a node that is not theirs.
bool lower_fused(Lowering& lowering, int id);
bool lower_bf16(Lowering& lowering, int id);
bool lower_direct_convolution(Lowering& lowering, int id);
bool lower_network(Lowering& lowering, int id);
bool lower_normalization(Lowering& lowering, int id);
bool lower_layer_norm(Lowering& lowering, int id);
bool lower_pooling(Lowering& lowering, int id);
bool lower_small_product(Lowering& lowering, int id);
bool lower_resize(Lowering& lowering, int id);
bool lower_product(Lowering& lowering, int id);
bool lower_panel_product(Lowering& lowering, int id);
bool lower_recurrent(Lowering& lowering, int id);
bool lower_attention(Lowering& lowering, int id);
bool lower_reduction(Lowering& lowering, int id);
bool lower_rows(Lowering& lowering, int id);
bool lower_movement(Lowering& lowering, int id);
bool lower_lookups(Lowering& lowering, int id);
bool lower_embedding(Lowering& lowering, int id);
bool lower_integers(Lowering& lowering, int id);
bool lower_order(Lowering& lowering, int id);
bool lower_sort(Lowering& lowering, int id);
bool lower_grid_sample(Lowering& lowering, int id);
bool lower_linear_algebra(Lowering& lowering, int id);
bool lower_decompositions(Lowering& lowering, int id);
bool lower_spectrum(Lowering& lowering, int id);
bool lower_detection(Lowering& lowering, int id);
bool lower_control(Lowering& lowering, int id);
bool lower_ctc(Lowering& lowering, int id);
bool lower_indexing(Lowering& lowering, int id);
bool lower_random(Lowering& lowering, int id);
bool lower_update(Lowering& lowering, int id);
bool lower_sparse(Lowering& lowering, int id);
// Whatever has no kernel of its own runs the plain reference of its op (integers, rare shapes).
void lower_reference(Lowering& lowering, int id);

}  // namespace vanda::cpu
