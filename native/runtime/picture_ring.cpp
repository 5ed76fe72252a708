#include "runtime/picture_ring.hpp"

#include <algorithm>
#include <cstring>

namespace vanda {

namespace {

size_t rows_that_fit(const std::string& name, size_t row_bytes, size_t bytes_max,
                     size_t rows_min) {
  size_t rows = bytes_max / std::max<size_t>(1, row_bytes);
  if (rows >= rows_min) return rows;
  throw Error("invalid_attribute", name,
              "bytesMax has room for " + std::to_string(rows) + " rows of " +
                  std::to_string(row_bytes) + " bytes; a batch needs " + std::to_string(rows_min));
}

}  // namespace

PictureRing::PictureRing(const std::string& name, size_t row_bytes, size_t bytes_max,
                         size_t rows_min)
    : row_bytes_(row_bytes),
      places_(rows_that_fit(name, row_bytes, bytes_max, rows_min), Place::empty),
      memory_(places_.size() * row_bytes) {}

void PictureRing::open(uint64_t first, std::optional<uint64_t> end, uint64_t rows, Order order) {
  std::unique_lock lock(mutex_);
  if (open_) throw Error("busy", "pipeline", "its pictures are being read already");
  open_ = true;
  ++run_;
  head_ = next_ = first;
  end_ = end;
  rows_ = rows;
  order_ = std::move(order);
  epoch_.reset();
  failure_.reset();
  std::fill(places_.begin(), places_.end(), Place::empty);
  announce(lock);
}

const char* PictureRing::wait(uint64_t sequence) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return !open_ || failure_ || (sequence < head_ + places_.size() &&
                                  place(sequence) == Place::full);
  });
  if (failure_) throw *failure_;
  return open_ ? memory(sequence) : nullptr;
}

void PictureRing::release(uint64_t sequence) {
  std::unique_lock lock(mutex_);
  place(sequence) = Place::done;
  uint64_t before = head_;
  while (place(head_) == Place::done) {
    place(head_) = Place::empty;
    ++head_;
  }
  if (head_ == before) return;
  changed_.notify_all();
  announce(lock);
}

void PictureRing::close() {
  std::lock_guard lock(mutex_);
  open_ = false;
  changed_.notify_all();
}

std::vector<PictureRing::Ticket> PictureRing::take(size_t most) {
  std::lock_guard lock(mutex_);
  std::vector<Ticket> tickets;
  while (tickets.size() < most && has_room()) {
    uint64_t epoch = next_ / rows_;
    if (epoch_ != epoch) {
      items_ = order_(epoch);
      epoch_ = epoch;
    }
    tickets.push_back({run_, next_, items_[next_ % rows_]});
    ++next_;
  }
  starved_ = tickets.size() < most;
  return tickets;
}

bool PictureRing::put(uint64_t run, uint64_t sequence, const void* row) {
  {
    std::lock_guard lock(mutex_);
    if (!open_ || run != run_ || sequence < head_ || sequence >= next_) return false;
    if (place(sequence) != Place::empty) return false;
    // The place is nobody else's until it is full, but a new run might begin: copied under the lock.
    std::memcpy(memory(sequence), row, row_bytes_);
    place(sequence) = Place::full;
  }
  changed_.notify_all();
  return true;
}

void PictureRing::fail(uint64_t run, Error error) {
  std::lock_guard lock(mutex_);
  if (!open_ || run != run_ || failure_) return;
  failure_ = std::move(error);
  changed_.notify_all();
}

void PictureRing::on_room(std::function<void()> call) {
  std::unique_lock lock(mutex_);
  on_room_ = std::move(call);
  announce(lock);
}

bool PictureRing::has_room() const {
  return open_ && !failure_ && next_ < head_ + places_.size() && (!end_ || next_ < *end_);
}

// Once for each time that the host found nothing to do.
void PictureRing::announce(std::unique_lock<std::mutex>& lock) {
  if (!starved_ || !on_room_ || !has_room()) return;
  starved_ = false;
  std::function<void()> call = on_room_;
  lock.unlock();
  call();
}

}  // namespace vanda
