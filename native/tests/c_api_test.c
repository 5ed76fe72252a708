/* Trains a network through vanda.h alone, as C11: what a program in another language would do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/vanda.h"

static int checks = 0;
static int failures = 0;

static void check(int good, const char *what, int line) {
  ++checks;
  if (good) return;
  ++failures;
  fprintf(stderr, "c_api_test.c:%d: failed: %s (%s)\n", line, what, vanda_last_error());
}
#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
#define OK(call) check((call) == VANDA_OK, #call, __LINE__)

/* --- an operation of one's own: x + sin(a x)^2 / a (Ziyin, Hartwig and Ueda, 2020) --- */

static int kernels_run = 0;

static vanda_status snake_shape(void *user, const vanda_call *call, vanda_type *outputs) {
  (void)user;
  vanda_status status = vanda_call_input_type(call, 0, &outputs[0]);
  if (status != VANDA_OK) return status;
  if (outputs[0].dtype != VANDA_F32) return vanda_fail(VANDA_DTYPE_MISMATCH, "a snake is f32");
  return VANDA_OK;
}

static size_t elements_of(const vanda_type *type) {
  size_t elements = 1;
  for (int32_t axis = 0; axis < type->rank; ++axis) elements *= (size_t)type->shape[axis];
  return elements;
}

static vanda_status snake_kernel(void *user, const vanda_call *call, const void *const *inputs,
                                 void *const *outputs) {
  vanda_type type;
  double frequency = 0;
  vanda_status status = vanda_call_input_type(call, 0, &type);
  if (status == VANDA_OK) status = vanda_call_number(call, "frequency", &frequency);
  if (status != VANDA_OK) return status;
  const float *x = inputs[0];
  float *y = outputs[0];
  const float a = (float)frequency;
  for (size_t i = 0; i < elements_of(&type); ++i) {
    const float s = sinf(a * x[i]);
    y[i] = x[i] + s * s / a;
  }
  ++*(int *)user;
  return VANDA_OK;
}

/* dy (1 + sin(2 frequency x)), of operations of the engine. */
static vanda_status snake_gradient(void *user, const vanda_call *call, vanda_graph *graph,
                                   const vanda_value *inputs, const vanda_value *outputs,
                                   const vanda_value *output_gradients,
                                   vanda_value *input_gradients) {
  (void)user;
  (void)outputs;
  double frequency = 0;
  vanda_status status = vanda_call_number(call, "frequency", &frequency);
  const float numbers[2] = {(float)(2 * frequency), 1.0F};
  vanda_value scale, one, angle, sine, slope;
  for (int i = 0; i < 2 && status == VANDA_OK; ++i) {
    vanda_tensor scalar = {{VANDA_F32, 0, {0}}, &numbers[i]};
    status = vanda_graph_constant(graph, &scalar, i == 0 ? &scale : &one);
  }
  if (status != VANDA_OK) return status;
  const vanda_value product[2] = {inputs[0], scale};
  status = vanda_graph_add(graph, "mul", product, 2, NULL, &angle, 1, NULL);
  if (status == VANDA_OK) status = vanda_graph_add(graph, "sin", &angle, 1, NULL, &sine, 1, NULL);
  const vanda_value sum[2] = {sine, one};
  if (status == VANDA_OK) status = vanda_graph_add(graph, "add", sum, 2, NULL, &slope, 1, NULL);
  const vanda_value chained[2] = {output_gradients[0], slope};
  if (status != VANDA_OK) return status;
  return vanda_graph_add(graph, "mul", chained, 2, NULL, &input_gradients[0], 1, NULL);
}

/* --- another, whose gradient is a kernel too: the third power --- */

static vanda_status cube_kernel(void *user, const vanda_call *call, const void *const *inputs,
                                void *const *outputs) {
  (void)user;
  vanda_type type;
  vanda_status status = vanda_call_input_type(call, 0, &type);
  const float *x = inputs[0];
  float *y = outputs[0];
  for (size_t i = 0; status == VANDA_OK && i < elements_of(&type); ++i) y[i] = x[i] * x[i] * x[i];
  return status;
}

/* x, y, dy -> dx */
static vanda_status cube_slope_kernel(void *user, const vanda_call *call,
                                      const void *const *inputs, void *const *outputs) {
  (void)user;
  vanda_type type;
  vanda_status status = vanda_call_input_type(call, 0, &type);
  const float *x = inputs[0];
  const float *dy = inputs[2];
  float *dx = outputs[0];
  for (size_t i = 0; status == VANDA_OK && i < elements_of(&type); ++i) {
    dx[i] = 3 * x[i] * x[i] * dy[i];
  }
  return status;
}

static vanda_status broken_kernel(void *user, const vanda_call *call, const void *const *inputs,
                                  void *const *outputs) {
  (void)user;
  (void)call;
  (void)inputs;
  (void)outputs;
  return vanda_fail(VANDA_LIMIT, "the moon is too high");
}

static void register_operations(void) {
  const vanda_attribute frequency = {"frequency", 1.0};
  vanda_operation snake = {.size = sizeof snake,
                           .name = "tests.snake",
                           .inputs_min = 1,
                           .inputs_max = 1,
                           .outputs = 1,
                           .attributes = &frequency,
                           .attribute_count = 1,
                           .shape_rule = snake_shape,
                           .kernel = snake_kernel,
                           .gradient = snake_gradient,
                           .user = &kernels_run};
  OK(vanda_operation_register(&snake));
  CHECK(vanda_operation_register(&snake) == VANDA_INVALID_ATTRIBUTE);
  CHECK(strstr(vanda_last_error(), "'tests.snake' already") != NULL);
  vanda_operation cube = {.size = sizeof cube,
                          .name = "tests.cube",
                          .inputs_min = 1,
                          .inputs_max = 1,
                          .outputs = 1,
                          .shape_rule = snake_shape,
                          .kernel = cube_kernel,
                          .gradient_operation = "tests.cube_slope"};
  OK(vanda_operation_register(&cube));
  vanda_operation slope = {.size = sizeof slope,
                           .name = "tests.cube_slope",
                           .inputs_min = 3,
                           .inputs_max = 3,
                           .outputs = 1,
                           .shape_rule = snake_shape,
                           .kernel = cube_slope_kernel};
  OK(vanda_operation_register(&slope));
  vanda_operation broken = slope;
  broken.name = "tests.broken";
  broken.inputs_min = broken.inputs_max = 1;
  broken.kernel = broken_kernel;
  OK(vanda_operation_register(&broken));
  broken.name = "nameless";
  CHECK(vanda_operation_register(&broken) == VANDA_INVALID_ATTRIBUTE);
  broken.size = 3;
  CHECK(vanda_operation_register(&broken) == VANDA_INVALID_ARGUMENT);
}

/* --- three rings around each other, which no straight line parts --- */

enum { ROWS = 240, CLASSES = 3, HIDDEN = 24 };
static float points[ROWS][2];
static int32_t rings[ROWS];

static double drawn(uint32_t *state) {
  *state = *state * 1664525U + 1013904223U;
  return (double)(*state >> 8) / (double)(1U << 24);
}

static void make_rings(void) {
  uint32_t state = 7;
  for (int i = 0; i < ROWS; ++i) {
    rings[i] = i % CLASSES;
    const double angle = 6.283185307179586 * drawn(&state);
    const double radius = 0.4 + 0.7 * rings[i] + 0.2 * drawn(&state);
    points[i][0] = (float)(radius * cos(angle));
    points[i][1] = (float)(radius * sin(angle));
  }
}

static vanda_type type_of(vanda_dtype dtype, int32_t rank, int64_t first, int64_t second) {
  vanda_type type = {dtype, rank, {first, second}};
  return type;
}

struct network {
  vanda_graph *graph;
  vanda_value x, labels, logits, loss;
};

static vanda_value add(vanda_graph *graph, const char *op, vanda_value a, vanda_value b,
                       vanda_value c, size_t count, const char *attributes) {
  const vanda_value inputs[3] = {a, b, c};
  vanda_value made = {-1, 0};
  const vanda_status status = vanda_graph_add(graph, op, inputs, count, attributes, &made, 1, NULL);
  check(status == VANDA_OK, op, __LINE__);
  return made;
}

static vanda_value add_one(vanda_graph *graph, const char *op, vanda_value x) {
  const vanda_value none = {-1, 0};
  return add(graph, op, x, none, none, 1, NULL);
}

static vanda_value dense(struct network *net, const char *name, vanda_value x, int64_t inputs,
                         int64_t outputs) {
  char text[64];
  vanda_value weight, bias;
  const vanda_type matrix = type_of(VANDA_F32, 2, inputs, outputs);
  const vanda_type row = type_of(VANDA_F32, 1, outputs, 0);
  snprintf(text, sizeof text, "%s/weight", name);
  const char *init = "{\"init\":\"heNormal\",\"seed\":5}";
  OK(vanda_graph_variable(net->graph, text, &matrix, init, &weight));
  snprintf(text, sizeof text, "%s/bias", name);
  OK(vanda_graph_variable(net->graph, text, &row, NULL, &bias));
  return add(net->graph, "dense", x, weight, bias, 3, NULL);
}

static struct network make_network(void) {
  struct network net;
  OK(vanda_graph_create(&net.graph));
  const vanda_type rows = type_of(VANDA_F32, 2, VANDA_DYNAMIC, 2);
  const vanda_type classes = type_of(VANDA_I32, 1, VANDA_DYNAMIC, 0);
  OK(vanda_graph_placeholder(net.graph, "x", &rows, &net.x));
  OK(vanda_graph_placeholder(net.graph, "labels", &classes, &net.labels));
  const vanda_value none = {-1, 0};
  vanda_value hidden = dense(&net, "hidden", net.x, 2, HIDDEN);
  hidden = add(net.graph, "tests.snake", hidden, none, none, 1, "{\"frequency\":1.5}");
  net.logits = dense(&net, "out", hidden, HIDDEN, CLASSES);
  const vanda_value losses =
      add(net.graph, "softmax_cross_entropy", net.logits, net.labels, none, 2, NULL);
  net.loss = add_one(net.graph, "mean", losses);
  return net;
}

static double number_of(const vanda_result *result, size_t index) {
  return (double)((const float *)vanda_result_tensor(result, index)->data)[0];
}

/* The share of the rings that are told right. */
static double accuracy_of(const float *logits) {
  int right = 0;
  for (int i = 0; i < ROWS; ++i) {
    int best = 0;
    for (int c = 1; c < CLASSES; ++c) {
      if (logits[i * CLASSES + c] > logits[i * CLASSES + best]) best = c;
    }
    right += best == rings[i] ? 1 : 0;
  }
  return (double)right / ROWS;
}

static const vanda_session_options kOptions = {sizeof(vanda_session_options), 2, 0};

static void test_training(const char *folder) {
  struct network net = make_network();
  int32_t effects[8];
  size_t effect_count = 0;
  OK(vanda_graph_minimize(net.graph, net.loss, "adam", "{\"learningRate\":0.03}", effects, 8,
                          &effect_count));
  CHECK(effect_count == 4);
  vanda_session *session = NULL;
  OK(vanda_session_create(&kOptions, &session));
  const vanda_named_tensor feeds[2] = {
      {"x", {type_of(VANDA_F32, 2, ROWS, 2), points}},
      {"labels", {type_of(VANDA_I32, 1, ROWS, 0), rings}}};
  double first = 0, last = 0;
  for (uint64_t step = 0; step < 150; ++step) {
    vanda_result *result = NULL;
    OK(vanda_session_train(session, net.graph, feeds, 2, &net.loss, 1, effects, effect_count, step,
                           &result));
    if (result == NULL) break;
    last = number_of(result, 0);
    if (step == 0) first = last;
    vanda_result_free(result);
  }
  CHECK(first > 0.9);
  CHECK(last < 0.1);
  CHECK(kernels_run >= 150);

  vanda_result *trained = NULL;
  OK(vanda_session_run(session, net.graph, feeds, 1, &net.logits, 1, 0, &trained));
  const vanda_tensor *logits = vanda_result_tensor(trained, 0);
  CHECK(logits->type.rank == 2 && logits->type.shape[0] == ROWS);
  CHECK(logits->type.shape[1] == CLASSES);
  CHECK(accuracy_of(logits->data) > 0.97);
  CHECK(vanda_result_tensor(trained, 1) == NULL);

  /* Saved, loaded, asked: the same bits. */
  const vanda_named_value input = {"point", net.x};
  const vanda_named_value output = {"scores", net.logits};
  const vanda_signature signature = {sizeof signature, "predict", &input, 1, &output, 1};
  const char *extra = "{\"labels\":[\"in\",\"mid\",\"out\"]}";
  OK(vanda_model_save(folder, session, net.graph, &signature, 1, extra));
  CHECK(vanda_model_save(folder, session, net.graph, &signature, 1, "{no json") ==
        VANDA_CORRUPT_FILE);
  vanda_model *model = NULL;
  OK(vanda_model_load(folder, &kOptions, &model));
  const vanda_named_tensor asked = {"point", {type_of(VANDA_F32, 2, ROWS, 2), points}};
  vanda_result *answer = NULL;
  OK(vanda_model_run(model, "predict", &asked, 1, &answer));
  CHECK(vanda_result_count(answer) == 1 && strcmp(vanda_result_name(answer, 0), "scores") == 0);
  const size_t bytes = sizeof(float) * ROWS * CLASSES;
  CHECK(memcmp(vanda_result_tensor(answer, 0)->data, logits->data, bytes) == 0);
  CHECK(vanda_model_run(model, "explain", &asked, 1, &answer) == VANDA_UNKNOWN_NAME);
  CHECK(vanda_model_run(model, "predict", feeds, 1, &answer) == VANDA_INVALID_FEED);

  /* The loaded model goes on learning, from the operation's own gradient. */
  vanda_value scores;
  OK(vanda_model_value(model, "predict", "scores", &scores));
  vanda_graph *again = vanda_model_graph(model);
  const vanda_value size = add_one(again, "mean", add_one(again, "square", scores));
  OK(vanda_graph_minimize(again, size, "sgd", "{\"learningRate\":0.01}", effects, 8,
                          &effect_count));
  double before = 0, after = 0;
  for (uint64_t step = 0; step < 5; ++step) {
    vanda_result *result = NULL;
    const vanda_named_tensor fed = {"x", asked.tensor};
    OK(vanda_session_train(vanda_model_session(model), again, &fed, 1, &size, 1, effects,
                           effect_count, step, &result));
    if (step == 0) before = number_of(result, 0);
    after = number_of(result, 0);
    vanda_result_free(result);
  }
  CHECK(after < before);
  vanda_result_free(answer);
  vanda_result_free(trained);
  vanda_model_free(model);
  vanda_session_free(session);
  vanda_graph_free(net.graph);
}

/* Gradients of both operations against central differences. */
static void test_gradients(void) {
  const char *const ops[2] = {"tests.snake", "tests.cube"};
  for (int which = 0; which < 2; ++which) {
    vanda_graph *graph = NULL;
    vanda_session *session = NULL;
    OK(vanda_graph_create(&graph));
    OK(vanda_session_create(NULL, &session));
    const vanda_type row = type_of(VANDA_F32, 1, 3, 0);
    vanda_value x, dx;
    OK(vanda_graph_placeholder(graph, "x", &row, &x));
    const vanda_value y = add_one(graph, ops[which], x);
    const vanda_value sum = add_one(graph, "sum", add_one(graph, "square", y));
    OK(vanda_graph_gradients(graph, sum, &x, 1, &dx));
    float numbers[3] = {0.4F, -0.8F, 1.1F};
    const vanda_named_tensor feed = {"x", {row, numbers}};
    vanda_result *exact = NULL;
    OK(vanda_session_run(session, graph, &feed, 1, &dx, 1, 0, &exact));
    for (int i = 0; i < 3; ++i) {
      double sums[2] = {0, 0};
      for (int side = 0; side < 2; ++side) {
        const float middle = numbers[i];
        numbers[i] = middle + (side == 0 ? 1e-2F : -1e-2F);
        vanda_result *result = NULL;
        OK(vanda_session_run(session, graph, &feed, 1, &sum, 1, 0, &result));
        sums[side] = number_of(result, 0);
        vanda_result_free(result);
        numbers[i] = middle;
      }
      const double slope = (sums[0] - sums[1]) / 2e-2;
      const double found = (double)((const float *)vanda_result_tensor(exact, 0)->data)[i];
      CHECK(fabs(slope - found) < 2e-2 * fmax(1, fabs(slope)));
    }
    vanda_result_free(exact);
    vanda_session_free(session);
    vanda_graph_free(graph);
  }
}

/* What is wrong gets a status and a sentence; nothing is written, and everything goes on. */
static void test_refusals(void) {
  struct network net = make_network();
  vanda_value made = {-7, 0};
  CHECK(vanda_graph_add(net.graph, "matmull", &net.x, 1, NULL, &made, 1, NULL) == VANDA_UNKNOWN_OP);
  CHECK(made.node == -7);
  int32_t effect = -7;
  const vanda_value written[2] = {net.x, net.x};
  CHECK(vanda_graph_add(net.graph, "assign", written, 2, NULL, &made, 1, NULL) ==
        VANDA_INVALID_GRAPH);
  CHECK(vanda_graph_effect(net.graph, "add", written, 2, NULL, &effect) == VANDA_INVALID_GRAPH);
  CHECK(strstr(vanda_last_error(), "add: writes no variable") != NULL && effect == -7);
  const vanda_value pair[2] = {net.x, net.logits};
  CHECK(vanda_graph_add(net.graph, "add", pair, 2, NULL, &made, 1, NULL) == VANDA_SHAPE_MISMATCH);
  CHECK(strstr(vanda_last_error(), "[batch, 2] and [batch, 3] do not broadcast") != NULL);
  CHECK(vanda_graph_add(net.graph, "tests.snake", &net.labels, 1, NULL, &made, 1, NULL) ==
        VANDA_DTYPE_MISMATCH);
  CHECK(strcmp(vanda_last_error(), "tests.snake: a snake is f32") == 0);
  CHECK(vanda_graph_add(net.graph, "tests.snake", &net.x, 1, "{\"speed\":1}", &made, 1, NULL) ==
        VANDA_INVALID_ATTRIBUTE);
  CHECK(vanda_graph_add(net.graph, "exp", &net.x, 1, "[]", &made, 1, NULL) ==
        VANDA_INVALID_ATTRIBUTE);
  CHECK(vanda_graph_add(NULL, "exp", &net.x, 1, NULL, &made, 1, NULL) == VANDA_INVALID_ARGUMENT);
  CHECK(vanda_graph_create(NULL) == VANDA_INVALID_ARGUMENT);
  const vanda_value stranger = {9999, 0};
  CHECK(vanda_graph_add(net.graph, "exp", &stranger, 1, NULL, &made, 1, NULL) ==
        VANDA_INVALID_GRAPH);
  CHECK(vanda_graph_gradients(net.graph, net.logits, &net.x, 1, &made) == VANDA_SHAPE_MISMATCH);
  CHECK(vanda_graph_find(net.graph, "y", &made) == VANDA_UNKNOWN_NAME);
  CHECK(strcmp(vanda_status_name(VANDA_NO_GRADIENT), "no_gradient") == 0);

  /* One that cannot be differentiated, and fails when it runs. */
  const vanda_value broken = add_one(net.graph, "tests.broken", net.x);
  const vanda_value sum = add_one(net.graph, "sum", broken);
  CHECK(vanda_graph_gradients(net.graph, sum, &net.x, 1, &made) == VANDA_NO_GRADIENT);
  vanda_session *session = NULL;
  vanda_result *result = NULL;
  OK(vanda_session_create(NULL, &session));
  const vanda_named_tensor feed = {"x", {type_of(VANDA_F32, 2, ROWS, 2), points}};
  CHECK(vanda_session_run(session, net.graph, &feed, 1, &broken, 1, 0, &result) == VANDA_LIMIT);
  CHECK(strcmp(vanda_last_error(), "tests.broken: the moon is too high") == 0);
  const vanda_named_tensor wrong = {"x", {type_of(VANDA_F32, 2, 80, 3), points}};
  CHECK(vanda_session_run(session, net.graph, &wrong, 1, &net.logits, 1, 0, &result) ==
        VANDA_INVALID_FEED);
  CHECK(strstr(vanda_last_error(), "takes f32[batch, 2], not f32[80, 3]") != NULL);
  CHECK(result == NULL);
  OK(vanda_session_run(session, net.graph, &feed, 1, &net.logits, 1, 0, &result));
  vanda_result_free(result);
  const vanda_named_tensor weights = {"out/bias", {type_of(VANDA_F32, 1, 2, 0), points}};
  CHECK(vanda_session_write(session, net.graph, &weights, 1) == VANDA_SHAPE_MISMATCH);
  OK(vanda_session_read(session, net.graph, "out/bias", &result));
  CHECK(vanda_result_tensor(result, 0)->type.shape[0] == CLASSES);
  vanda_result_free(result);
  const vanda_session_options small = {sizeof small, 1, 64};
  vanda_session *poor = NULL;
  OK(vanda_session_create(&small, &poor));
  CHECK(vanda_session_run(poor, net.graph, &feed, 1, &net.logits, 1, 0, &result) ==
        VANDA_OUT_OF_MEMORY);
  vanda_model *model = NULL;
  CHECK(vanda_model_load("/nowhere/at/all", NULL, &model) == VANDA_IO && model == NULL);
  vanda_session_free(poor);
  vanda_session_free(session);
  vanda_graph_free(net.graph);
  vanda_graph_free(NULL);
}

int main(int argc, char **argv) {
  CHECK(vanda_api_version() == VANDA_API_VERSION);
  make_rings();
  register_operations();
  test_training(argc > 1 ? argv[1] : "c_api_model");
  test_gradients();
  test_refusals();
  fprintf(stderr, "%d checks, %d failed\n", checks, failures);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
