#include "capi/convert.hpp"
#include "capi/handles.hpp"

using namespace vanda::capi;

namespace {

// What a run gives, by position.
vanda_result* run(vanda_session* session, const vanda_graph* graph, const vanda_named_tensor* feeds,
                  size_t feed_count, const vanda_value* values, size_t value_count,
                  const std::vector<int>& effects, uint64_t step) {
  require(session != nullptr, "the session is NULL");
  require(graph != nullptr, "the graph is NULL");
  vanda::Request request =
      session->session.prepare(*graph->graph, values_of(values, value_count), effects);
  return result_of({}, session->session.run(request, views_of(feeds, feed_count), step));
}

}  // namespace

vanda_status vanda_session_create(const vanda_session_options* options, vanda_session** session) {
  return guarded([&] {
    require(session != nullptr, "there is no place for the session");
    *session = new vanda_session(options_of(options));
  });
}

void vanda_session_free(vanda_session* session) { delete session; }

vanda_status vanda_session_run(vanda_session* session, const vanda_graph* graph,
                               const vanda_named_tensor* feeds, size_t feed_count,
                               const vanda_value* values, size_t value_count, uint64_t step,
                               vanda_result** result) {
  return guarded([&] {
    require(result != nullptr, "there is no place for the result");
    *result = run(session, graph, feeds, feed_count, values, value_count, {}, step);
  });
}

vanda_status vanda_session_train(vanda_session* session, const vanda_graph* graph,
                                 const vanda_named_tensor* feeds, size_t feed_count,
                                 const vanda_value* values, size_t value_count,
                                 const int32_t* effects, size_t effect_count, uint64_t step,
                                 vanda_result** result) {
  return guarded([&] {
    require(effects != nullptr && effect_count > 0, "without effects nothing would be learnt");
    std::vector<int> ids(effects, effects + effect_count);
    vanda_result* made = run(session, graph, feeds, feed_count, values, value_count, ids, step);
    if (result != nullptr)
      *result = made;
    else
      delete made;
  });
}

vanda_status vanda_session_read(vanda_session* session, const vanda_graph* graph, const char* name,
                                vanda_result** result) {
  return guarded([&] {
    require(session != nullptr, "the session is NULL");
    require(graph != nullptr, "the graph is NULL");
    require(result != nullptr, "there is no place for the result");
    session->session.variables.sync(*graph->graph);
    vanda::Variable& variable = session->session.variables.at(text_of(name, "the name is NULL"));
    vanda::Tensor copy(variable.type);
    {
      auto shared = session->session.state.share();
      std::memcpy(copy.data(), variable.storage.data(), variable.type.bytes());
    }
    *result = result_of({variable.name}, {std::move(copy)});
  });
}

vanda_status vanda_session_write(vanda_session* session, const vanda_graph* graph,
                                 const vanda_named_tensor* values, size_t count) {
  return guarded([&] {
    require(session != nullptr, "the session is NULL");
    require(graph != nullptr, "the graph is NULL");
    session->session.variables.sync(*graph->graph);
    session->session.write_variables(views_of(values, count));
  });
}

size_t vanda_result_count(const vanda_result* result) {
  return result == nullptr ? 0 : result->views.size();
}

const vanda_tensor* vanda_result_tensor(const vanda_result* result, size_t index) {
  return index < vanda_result_count(result) ? &result->views[index] : nullptr;
}

const char* vanda_result_name(const vanda_result* result, size_t index) {
  return index < vanda_result_count(result) ? result->names[index].c_str() : "";
}

void vanda_result_free(vanda_result* result) { delete result; }
