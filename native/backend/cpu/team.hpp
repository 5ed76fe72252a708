#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace vanda::cpu {

// Threads that help the one that runs a plan. The parts of a job are taken by whoever is free, the
// one that runs the plan among them, and nobody waits for a helper that has taken none: one that
// sleeps, or that the system runs elsewhere, costs its help and no more. What a part computes must
// not depend on who computes it.
//
// Between jobs helpers wait awake, for the next kernel is microseconds away; after a plan they
// sleep.
class Team {
 public:
  // While it lives, the jobs of this thread are those of its team; a `size` of 1 and less, or
  // `shared` false, leaves them to OpenMP. Shares may be nested; the inner one holds.
  class Turn {
   public:
    Turn(int size, bool shared);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Team* before_;
  };

  // The team of the calling thread's turn; null where OpenMP shares its work.
  static Team* current();
  // Who computes a part: 0 is the thread that runs the plan, helpers follow; below the turn's size.
  static int seat();

  // body(part) for each part in 0..parts-1, in any order, in parts of one thread each; returns when
  // all are done. `body` must not throw. Within a part, one after the other.
  template <typename Body>
  void run(int parts, Body& body) {
    using Plain = std::remove_const_t<Body>;
    share(
        parts, [](void* context, int part) { (*static_cast<Plain*>(context))(part); },
        const_cast<Plain*>(&body));
  }

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  Team() = default;
  ~Team();

 private:
  using Part = void (*)(void* context, int part);

  static Team& of_thread();
  void grow(int size);
  void share(int parts, Part part, void* context);
  void take_parts();
  void help(int helper);

  // Each on a cache line of its own: those who wait for one must not disturb who writes another.
  alignas(64) std::atomic<uint32_t> job_{0};  // its number while it is open, else 0
  alignas(64) std::atomic<int> next_{0};      // part
  alignas(64) std::atomic<int> inside_{0};    // helpers that may be at the open job
  alignas(64) std::atomic<int> helpers_wanted_{0};
  std::atomic<int> core_{-1};  // of the thread that runs the plan
  std::atomic<bool> stopped_{false};
  Part part_ = nullptr;
  void* context_ = nullptr;
  int parts_ = 0;
  uint32_t number_ = 0;  // of the last job
  std::vector<std::thread> helpers_;
};

}  // namespace vanda::cpu
