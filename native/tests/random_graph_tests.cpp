#include "tests/random_graph.hpp"

#include <cmath>
#include <cstring>

#include "core/autodiff.hpp"
#include "tests/check.hpp"

namespace vanda::testing {

namespace {

constexpr double kRate = 0.25;
constexpr double kMomentum = 0.5;
constexpr uint64_t kGraphs = 40;

Value as_placeholder(Graph& graph, const std::string& name, std::vector<int64_t> shape) {
  return placeholder(graph, name, std::move(shape));
}
Value as_variable(Graph& graph, const std::string& name, std::vector<int64_t> shape) {
  Attributes attributes = {{"dtype", std::string("f32")}, {"shape", std::move(shape)}};
  return Value{graph.add("variable", {}, std::move(attributes), name), 0};
}

// What the plain reference gives: the loss and what was looked at, then every parameter after two
// steps, the first ones under plain descent, the others under momentum.
struct Expected {
  Feeds feeds;
  Feeds start;
  std::vector<Tensor> outputs;
  std::vector<Tensor> trained;
};

Expected expect(uint64_t seed) {
  RandomGraph random = random_graph(seed, as_placeholder);
  Expected out;
  for (Value feed : random.feeds) {
    out.feeds[random.graph.node(feed).name] =
        random_tensor(random.graph.type(feed), seed + out.feeds.size());
  }
  Feeds all = out.feeds;
  for (Value parameter : random.parameters) {
    const std::string& name = random.graph.node(parameter).name;
    out.start[name] =
        random_tensor(random.graph.type(parameter), seed + 50 + out.start.size());
    // What descends is a copy: tensors share their bytes.
    all[name] = cast_tensor(out.start[name], DType::f32);
  }
  std::vector<Value> wanted = {random.loss};
  wanted.insert(wanted.end(), random.seen.begin(), random.seen.end());
  std::vector<Value> grads = gradients(random.graph, random.loss, random.parameters);
  out.outputs = evaluate_reference(random.graph, wanted, all);
  std::vector<std::vector<double>> velocity(grads.size());
  for (int step = 0; step < 2; ++step) {
    std::vector<Tensor> slopes = evaluate_reference(random.graph, grads, all);
    for (size_t i = 0; i < grads.size(); ++i) {
      Tensor& value = all.at(random.graph.node(random.parameters[i]).name);
      velocity[i].resize(static_cast<size_t>(value.type.shape.elements()));
      for (size_t k = 0; k < velocity[i].size(); ++k) {
        double factor = i % 2 == 0 ? 0 : kMomentum;
        velocity[i][k] = factor * velocity[i][k] + slopes[i].as<float>()[k];
        value.as<float>()[k] -= static_cast<float>(kRate * velocity[i][k]);
      }
    }
  }
  for (Value parameter : random.parameters) {
    out.trained.push_back(all.at(random.graph.node(parameter).name));
  }
  return out;
}

// The largest difference of a session with these passes from what is expected.
double largest_error(uint64_t seed, const Expected& expected, const PassOptions& passes,
                     int threads) {
  RandomGraph random = random_graph(seed, as_variable);
  Emit emit(random.graph);
  std::vector<Value> grads = gradients(random.graph, random.loss, random.parameters);
  Value rate = emit.scalar(kRate, random.loss);
  std::vector<int> effects;
  for (size_t i = 0; i < grads.size(); ++i) {
    Value w = random.parameters[i];
    if (i % 2 == 0) {
      effects.push_back(random.graph.add("apply_sgd", {w, grads[i], rate}));
    } else {
      Value slot = as_variable(random.graph, "v" + std::to_string(i),
                               random.graph.type(w).shape.dims());
      effects.push_back(random.graph.add("apply_momentum", {w, slot, grads[i], rate},
                                         {{"momentum", kMomentum}}));
    }
  }
  std::vector<Value> wanted = {random.loss};
  wanted.insert(wanted.end(), random.seen.begin(), random.seen.end());

  Session session(SessionOptions{threads, passes});
  Request request = session.prepare(random.graph, wanted, effects);
  std::vector<NamedView> start;
  for (const auto& [name, tensor] : expected.start)
    start.push_back({name, tensor.type, tensor.data()});
  session.write_variables(start);
  FeedTypes types;
  std::vector<NamedView> views;
  for (const auto& [name, tensor] : expected.feeds) {
    types[name] = tensor.type;
    views.push_back({name, tensor.type, tensor.data()});
  }
  std::shared_ptr<CachedPlan> cached = session.plan_for(request, types);
  double worst = 0;
  for (uint64_t step = 0; step < 2; ++step) {
    cached->plan->run(order_feeds(*cached->plan, views), step);
    if (step > 0) continue;
    for (size_t i = 0; i < wanted.size(); ++i) {
      Tensor got(cached->plan->output_types()[i]);
      std::memcpy(got.data(), cached->plan->output(i), got.type.bytes());
      worst = std::fmax(worst, largest_difference(got, expected.outputs[i]));
    }
  }
  for (size_t i = 0; i < random.parameters.size(); ++i) {
    const Variable& variable =
        session.variables.at(random.graph.node(random.parameters[i]).name);
    worst = std::fmax(worst, largest_difference(variable.storage, expected.trained[i]));
  }
  return worst;
}

// All on, all off, each one alone off, each one alone on, and some drawn at random.
std::vector<PassOptions> combinations(uint64_t seed) {
  std::span<const char* const> names = pass_names();
  std::vector<PassOptions> out(2);
  for (const char* name : names) out[1].set(name, false);
  for (const char* name : names) {
    PassOptions without = out[0];
    without.set(name, false);
    PassOptions alone = out[1];
    alone.set(name, true);
    out.push_back(without);
    out.push_back(alone);
  }
  PhiloxStream random(seed, 12);
  for (int i = 0; i < 6; ++i) {
    PassOptions some;
    for (const char* name : names) some.set(name, random.below(2) == 0);
    out.push_back(some);
  }
  return out;
}

std::string text_of(const PassOptions& passes) {
  std::string text = "off:";
  for (const char* name : pass_names()) {
    if (!passes.enabled(name)) text += std::string(" ") + name;
  }
  return text;
}

}  // namespace

TEST("every combination of passes gives the numbers of the plain reference") {
  for (uint64_t seed = 100; seed < 100 + kGraphs; ++seed) {
    Expected expected = expect(seed);
    CHECK_MESSAGE(std::isfinite(expected.outputs[0].as<float>()[0]),
                  "seed " + std::to_string(seed) + " has no finite loss to compare");
    for (const PassOptions& passes : combinations(seed)) {
      double error = INFINITY;
      std::string failure;
      try {
        error = largest_error(seed, expected, passes, seed % 2 == 0 ? 1 : 3);
      } catch (const Error& thrown) {
        failure = thrown.what();
      }
      CHECK_MESSAGE(error < 1e-3, "seed " + std::to_string(seed) + ", " + text_of(passes) +
                                      ": off by " + std::to_string(error) + " " + failure);
    }
  }
}

}  // namespace vanda::testing
