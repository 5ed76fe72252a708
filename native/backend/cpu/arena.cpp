#include "backend/cpu/arena.hpp"

#include <algorithm>
#include <numeric>
#include <set>

namespace vanda::cpu {

namespace {

struct Span {
  int first, last;
};

// The first and the last step that touches each buffer; what is handed out lives to the end.
// A part that is read where it lies keeps the whole alive.
std::vector<Span> spans_of(const std::vector<Step>& steps, const std::vector<Buffer>& buffers,
                           const std::vector<int>& outputs) {
  int end = static_cast<int>(steps.size());
  std::vector<Span> spans(buffers.size(), {end, -1});
  for (int s = 0; s < end; ++s) {
    const Step& step = steps[static_cast<size_t>(s)];
    for (const auto* list : {&step.reads, &step.writes}) {
      for (int buffer : *list) {
        Span& span = spans[static_cast<size_t>(root_of(buffers, buffer))];
        span.first = std::min(span.first, s);
        span.last = std::max(span.last, s);
      }
    }
  }
  for (int buffer : outputs) spans[static_cast<size_t>(root_of(buffers, buffer))].last = end;
  return spans;
}

// The buffer whose memory each buffer uses: its own, or that of an input which dies in the step
// that writes it.
void share_in_place(const std::vector<Step>& steps, const std::vector<Buffer>& buffers,
                    const std::vector<Span>& spans, std::vector<int>& owner) {
  for (size_t s = 0; s < steps.size(); ++s) {
    const Step& step = steps[s];
    if (step.in_place < 0 || step.writes.empty()) continue;
    size_t from = static_cast<size_t>(step.in_place);
    size_t to = static_cast<size_t>(step.writes[0]);
    bool arena = buffers[from].kind == BufferKind::arena && buffers[to].kind == BufferKind::arena;
    if (!arena || buffers[from].bytes != buffers[to].bytes) continue;
    if (spans[from].last != static_cast<int>(s)) continue;
    // Read twice, it may be read at other places than the one being written.
    auto same = [&](int read) { return root_of(buffers, read) == step.in_place; };
    if (std::count_if(step.reads.begin(), step.reads.end(), same) != 1) continue;
    owner[to] = owner[from];
  }
}

}  // namespace

Arena plan_arena(const std::vector<Step>& steps, const std::vector<Buffer>& buffers,
                 const std::vector<int>& outputs, const CompileRequest& request) {
  std::vector<Span> spans = spans_of(steps, buffers, outputs);
  std::vector<int> owner(buffers.size());
  std::iota(owner.begin(), owner.end(), 0);
  if (request.passes.enabled("inPlace")) share_in_place(steps, buffers, spans, owner);
  bool reuse = request.passes.enabled("reuse");
  std::vector<Lifetime> lifetimes;
  std::vector<int> slot(buffers.size(), -1);
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].kind != BufferKind::arena || spans[i].last < 0) continue;
    size_t root = static_cast<size_t>(owner[i]);
    if (slot[root] < 0) {
      slot[root] = static_cast<int>(lifetimes.size());
      lifetimes.push_back({buffers[root].bytes, spans[root].first, spans[root].last});
    }
    Lifetime& life = lifetimes[static_cast<size_t>(slot[root])];
    life.first = reuse ? std::min(life.first, spans[i].first) : 0;
    life.last = reuse ? std::max(life.last, spans[i].last) : static_cast<int>(steps.size());
    slot[i] = slot[root];
  }
  Placement placement = request.place(lifetimes);
  Arena arena;
  arena.bytes = placement.total;
  arena.lower_bound = placement.lower_bound;
  arena.offsets.assign(buffers.size(), Arena::kNowhere);
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (slot[i] >= 0) arena.offsets[i] = placement.offsets[static_cast<size_t>(slot[i])];
  }
  return arena;
}

PlanMemory plan_memory(const Arena& arena, const std::vector<Buffer>& buffers) {
  PlanMemory memory;
  memory.arena = arena.bytes;
  memory.arena_lower_bound = arena.lower_bound;
  std::set<const Variable*> counted;
  for (const Buffer& buffer : buffers) {
    if (buffer.kind == BufferKind::feed) memory.feeds += buffer.bytes;
    if (buffer.kind == BufferKind::fixed) {
      (buffer.constant ? memory.constants : memory.packed) += buffer.bytes;
    }
    if (buffer.kind == BufferKind::variable && counted.insert(buffer.variable).second) {
      (buffer.variable->trainable ? memory.weights : memory.state) += buffer.bytes;
    }
  }
  return memory;
}

}  // namespace vanda::cpu
