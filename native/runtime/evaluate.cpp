#include "runtime/evaluate.hpp"

#include <cstring>

#include "core/error.hpp"
#include "runtime/batch_reader.hpp"

namespace vanda {

std::vector<Tensor> evaluate(Session& session, const Request& request,
                             const std::shared_ptr<const Pipeline>& pipeline,
                             const std::vector<bool>& joined) {
  BatchReader reader(pipeline, 0, 0, 1);
  std::vector<Tensor> results(joined.size());
  std::vector<size_t> filled(joined.size(), 0);
  int64_t batches = pipeline->batches_per_epoch();
  int64_t rows_total = pipeline->options().drop_remainder ? batches * pipeline->options().batch_size
                                                          : pipeline->row_count();
  while (const Batch* batch = reader.next()) {
    FeedTypes types;
    for (const NamedView& feed : batch->feeds) types[feed.name] = feed.type;
    std::shared_ptr<CachedPlan> cached = session.plan_for(request, types, pipeline->reader_bytes());
    std::lock_guard running(cached->running);
    auto shared = session.state.share();
    session.execute(*cached, order_feeds(*cached->plan, batch->feeds),
                    static_cast<uint64_t>(batch->index));
    for (size_t i = 0; i < results.size(); ++i) {
      const TensorType& type = cached->plan->output_types()[i];
      bool rows = joined[i] && type.shape.rank() > 0 && type.shape[0] == batch->rows;
      if (joined[i] && !rows)
        throw Error("shape_mismatch", "evaluate", "an output has lost its batch");
      if (!results[i].bytes) {
        std::vector<int64_t> dims = type.shape.dims();
        if (rows)
          dims[0] = rows_total;
        else
          dims.insert(dims.begin(), batches);
        results[i] = Tensor(TensorType{type.dtype, Shape(std::move(dims))});
      }
      if (filled[i] + type.bytes() > results[i].type.bytes()) {
        throw Error("shape_mismatch", "evaluate",
                    "an output changes its shape from batch to batch");
      }
      std::memcpy(results[i].as<char>() + filled[i], cached->plan->output(i), type.bytes());
      filled[i] += type.bytes();
    }
  }
  return results;
}

}  // namespace vanda
