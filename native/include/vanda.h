/*
 * vanda.h: Vanda's engine for C, and for every language that calls C.
 *
 * A graph is built of operations (docs/OPERATIONS.md names them all, with their attributes),
 * gradients append the operations of its derivatives, a session keeps the variables and compiles
 * and runs what is asked of it. Operations of one's own come in with a shape rule, a kernel and a
 * gradient.
 *
 * Errors. Every function that can fail returns a status. VANDA_OK is 0; after any other,
 * vanda_last_error() says in a sentence what was wrong and what would be right. No C++ exception
 * leaves the library, and nothing is written where a function fails.
 *
 * Ownership. What a _create, _load, _run, _train or _read function gives belongs to the caller, who
 * frees it by the _free function of its type; freeing NULL does nothing. Everything passed in
 * (names, shapes, data, options) is copied before the function returns and stays the caller's, but
 * for the `user` pointer of an operation, which the library keeps and never touches. What is
 * borrowed says so.
 *
 * Threads. A graph is used by one thread at a time. A session may be used by any number of threads
 * at once, with a graph that nobody appends to meanwhile: runs share the variables, a training step
 * has them alone. A result belongs to one thread. vanda_last_error() is of the calling thread.
 * Callbacks of an operation come from any thread, several at once.
 *
 * Versions. VANDA_API_VERSION grows when something is added; what is there stays as it is.
 * Structures that may grow begin with their size, which the caller sets to sizeof: what lies behind
 * it counts as zero.
 */
#ifndef VANDA_H
#define VANDA_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define VANDA_API
#else
#define VANDA_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define VANDA_API_VERSION 1

/* --- statuses --------------------------------------------------------------------------------- */

typedef int32_t vanda_status;
enum {
  VANDA_OK = 0,
  VANDA_INVALID_ARGUMENT = 1, /* a null pointer, a size of no known version */
  VANDA_SHAPE_MISMATCH = 2,
  VANDA_DTYPE_MISMATCH = 3,
  VANDA_INVALID_ATTRIBUTE = 4,
  VANDA_UNKNOWN_OP = 5,
  VANDA_INVALID_GRAPH = 6,
  VANDA_NO_GRADIENT = 7,
  VANDA_INVALID_FEED = 8,
  VANDA_UNKNOWN_NAME = 9,
  VANDA_LIMIT = 10,
  VANDA_CORRUPT_FILE = 11,
  VANDA_IO = 12,
  VANDA_OUT_OF_MEMORY = 13,
  VANDA_INTERNAL = 14
};

/* VANDA_API_VERSION of the library that is loaded. */
VANDA_API uint32_t vanda_api_version(void);
/* "shape_mismatch" and so on; borrowed, for ever. */
VANDA_API const char *vanda_status_name(vanda_status status);
/*
 * The sentence of this thread's last failure; borrowed until its next one. Empty where there was
 * none.
 */
VANDA_API const char *vanda_last_error(void);
/*
 * For callbacks: keeps the sentence and gives the status back, so that `return vanda_fail(...)`
 * says why.
 */
VANDA_API vanda_status vanda_fail(vanda_status status, const char *sentence);

/* --- types and tensors ------------------------------------------------------------------------ */

typedef int32_t vanda_dtype;
enum {
  VANDA_F32 = 0,
  VANDA_I32 = 1,
  VANDA_I64 = 2,
  VANDA_U8 = 3,
  VANDA_BOOL = 4 /* a byte of 0 or 1 */
};

#define VANDA_RANK_MAX 8
/* The batch: a first dim that is known when a plan is made. */
#define VANDA_DYNAMIC (-1)

/* Row-major; dims behind the rank are not looked at. These three structures never grow. */
typedef struct vanda_type {
  vanda_dtype dtype;
  int32_t rank;
  int64_t shape[VANDA_RANK_MAX];
} vanda_type;
typedef struct vanda_tensor {
  vanda_type type;
  const void *data;
} vanda_tensor;
typedef struct vanda_named_tensor {
  const char *name;
  vanda_tensor tensor;
} vanda_named_tensor;

/* --- graphs ----------------------------------------------------------------------------------- */

typedef struct vanda_graph vanda_graph;
/* One output of an operation, in the graph that gave it. */
typedef struct vanda_value {
  int32_t node;
  int32_t output;
} vanda_value;

VANDA_API vanda_status vanda_graph_create(vanda_graph **graph);
VANDA_API void vanda_graph_free(vanda_graph *graph);

/* An input that each run feeds by its name. */
VANDA_API vanda_status vanda_graph_placeholder(vanda_graph *graph, const char *name,
                                               const vanda_type *type, vanda_value *value);
/*
 * State that a session keeps. `attributes` as JSON or NULL: "init" ("zeros", "ones", "constant",
 * "heNormal", "glorotUniform", ...), "scale" (of constant, uniform and normal), "seed", "trainable"
 * (true).
 */
VANDA_API vanda_status vanda_graph_variable(vanda_graph *graph, const char *name,
                                            const vanda_type *type, const char *attributes,
                                            vanda_value *value);
VANDA_API vanda_status vanda_graph_constant(vanda_graph *graph, const vanda_tensor *tensor,
                                            vanda_value *value);
/*
 * Appends an operation by its name; `attributes` is a JSON object or NULL. Writes its outputs, of
 * which there are `capacity` places; fails where there are more outputs. `count` may be NULL. Those
 * that hold graphs of their own (scan, cond, call) come out of a model that was loaded.
 */
VANDA_API vanda_status vanda_graph_add(vanda_graph *graph, const char *op,
                                       const vanda_value *inputs, size_t input_count,
                                       const char *attributes, vanda_value *outputs,
                                       size_t capacity, size_t *count);
/*
 * Appends an operation that writes a variable, such as apply_sgd or assign; it runs where a
 * training step names it.
 */
VANDA_API vanda_status vanda_graph_effect(vanda_graph *graph, const char *op,
                                          const vanda_value *inputs, size_t input_count,
                                          const char *attributes, int32_t *effect);
/* A placeholder or a variable by its name. */
VANDA_API vanda_status vanda_graph_find(const vanda_graph *graph, const char *name,
                                        vanda_value *value);
VANDA_API vanda_status vanda_graph_type(const vanda_graph *graph, vanda_value value,
                                        vanda_type *type);
/* The gradients of an f32 scalar towards each of `wrt`; they may be differentiated again. */
VANDA_API vanda_status vanda_graph_gradients(vanda_graph *graph, vanda_value loss,
                                             const vanda_value *wrt, size_t count,
                                             vanda_value *gradients);
/*
 * The updates of all trainable variables that the loss depends on, by a rule: "sgd", "momentum",
 * "adagrad", "rmsprop", "adam", "adamax" or "lion". `options` is a JSON object with "learningRate"
 * and attributes of the rule's apply_ operation. Its state lives in variables RULE/N/NAME. Writes
 * as many effects as there are variables, of which there are `capacity` places, and their number
 * into `count`.
 */
VANDA_API vanda_status vanda_graph_minimize(vanda_graph *graph, vanda_value loss, const char *rule,
                                            const char *options, int32_t *effects, size_t capacity,
                                            size_t *count);

/* --- sessions --------------------------------------------------------------------------------- */

typedef struct vanda_session vanda_session;
typedef struct vanda_result vanda_result;

typedef struct vanda_session_options {
  size_t size;           /* sizeof(vanda_session_options) */
  int32_t threads;       /* of a plan; 0: all cores */
  uint64_t memory_limit; /* bytes that a plan may need; 0: no limit */
} vanda_session_options;

/* `options` may be NULL. A session is of the one graph whose variables it keeps. */
VANDA_API vanda_status vanda_session_create(const vanda_session_options *options,
                                            vanda_session **session);
VANDA_API void vanda_session_free(vanda_session *session);
/*
 * Computes values. `step` is what dropout and schedules see. The first run for feeds of new shapes
 * compiles a plan.
 */
VANDA_API vanda_status vanda_session_run(vanda_session *session, const vanda_graph *graph,
                                         const vanda_named_tensor *feeds, size_t feed_count,
                                         const vanda_value *values, size_t value_count,
                                         uint64_t step, vanda_result **result);
/*
 * One training step: computes values (the loss, say; `result` may be NULL) and then runs the
 * effects. The values are those from before the updates. Steps are counted by the caller, from 0.
 */
VANDA_API vanda_status vanda_session_train(vanda_session *session, const vanda_graph *graph,
                                           const vanda_named_tensor *feeds, size_t feed_count,
                                           const vanda_value *values, size_t value_count,
                                           const int32_t *effects, size_t effect_count,
                                           uint64_t step, vanda_result **result);
/* A copy of a variable. */
VANDA_API vanda_status vanda_session_read(vanda_session *session, const vanda_graph *graph,
                                          const char *name, vanda_result **result);
/* All of them or, where one does not fit, none. */
VANDA_API vanda_status vanda_session_write(vanda_session *session, const vanda_graph *graph,
                                           const vanda_named_tensor *values, size_t count);

VANDA_API size_t vanda_result_count(const vanda_result *result);
/* Borrowed until the result is freed; NULL for an index that does not exist. */
VANDA_API const vanda_tensor *vanda_result_tensor(const vanda_result *result, size_t index);
/* The output's name where a model answered, the variable's where one was read, else "". */
VANDA_API const char *vanda_result_name(const vanda_result *result, size_t index);
VANDA_API void vanda_result_free(vanda_result *result);

/* --- models -------------------------------------------------------------------------- */

/* model.json and weights.safetensors in a folder, as the TypeScript face writes and reads. */
typedef struct vanda_model vanda_model;

typedef struct vanda_named_value {
  const char *name;
  vanda_value value;
} vanda_named_value;
typedef struct vanda_signature {
  size_t size; /* sizeof(vanda_signature); of all the same */
  const char *name;
  const vanda_named_value *inputs; /* placeholders */
  size_t input_count;
  const vanda_named_value *outputs;
  size_t output_count;
} vanda_signature;

/*
 * Makes the folder where there is none. Only what the signatures need goes in. `extra` is any JSON,
 * or NULL.
 */
VANDA_API vanda_status vanda_model_save(const char *folder, vanda_session *session,
                                        const vanda_graph *graph, const vanda_signature *signatures,
                                        size_t count, const char *extra);
VANDA_API vanda_status vanda_model_load(const char *folder, const vanda_session_options *options,
                                        vanda_model **model);
/* Feeds are called as the signature's inputs; the result holds all of its outputs, by name. */
VANDA_API vanda_status vanda_model_run(vanda_model *model, const char *signature,
                                       const vanda_named_tensor *feeds, size_t feed_count,
                                       vanda_result **result);
/* The model's graph and session, to train it on; borrowed until the model is freed. */
VANDA_API vanda_graph *vanda_model_graph(vanda_model *model);
VANDA_API vanda_session *vanda_model_session(vanda_model *model);
/* An input or an output of a signature as a value of that graph. */
VANDA_API vanda_status vanda_model_value(const vanda_model *model, const char *signature,
                                         const char *name, vanda_value *value);
VANDA_API void vanda_model_free(vanda_model *model);

/* --- operations of one's own ------------------------------------------------------------------ */

/* The call that a callback is about; borrowed while it runs. */
typedef struct vanda_call vanda_call;
VANDA_API size_t vanda_call_input_count(const vanda_call *call);
/*
 * Fails for an index that does not exist. A shape rule sees VANDA_DYNAMIC dims, a kernel never
 * does.
 */
VANDA_API vanda_status vanda_call_input_type(const vanda_call *call, size_t index,
                                             vanda_type *type);
/* The value of a declared attribute. */
VANDA_API vanda_status vanda_call_number(const vanda_call *call, const char *name, double *number);

/* Writes the type of each output. Asked when a call is appended, and again when a plan is made. */
typedef vanda_status (*vanda_shape_rule)(void *user, const vanda_call *call, vanda_type *outputs);
/* Fills the outputs, row-major, of its inputs alone: the same ones must give the same. */
typedef vanda_status (*vanda_kernel)(void *user, const vanda_call *call, const void *const *inputs,
                                     void *const *outputs);
/*
 * Appends the operations of the gradient to the graph, which is borrowed. `output_gradients` are
 * what comes to the outputs, with a node of -1 where nothing does; the callback writes what goes to
 * each input, or leaves the node -1.
 */
typedef vanda_status (*vanda_gradient_rule)(void *user, const vanda_call *call, vanda_graph *graph,
                                            const vanda_value *inputs, const vanda_value *outputs,
                                            const vanda_value *output_gradients,
                                            vanda_value *input_gradients);

typedef struct vanda_attribute {
  const char *name;
  double fallback; /* what it is where a call does not give it */
} vanda_attribute;

typedef struct vanda_operation {
  size_t size;      /* sizeof(vanda_operation) */
  const char *name; /* OWNER.NAME, such as "acme.snake": the engine's own have no dot */
  int32_t inputs_min;
  int32_t inputs_max;
  int32_t outputs;
  const vanda_attribute *attributes; /* numbers; may be NULL */
  size_t attribute_count;
  vanda_shape_rule shape_rule;
  vanda_kernel kernel;
  /* At most one of these; without one the operation cannot be differentiated, and says so. */
  vanda_gradient_rule gradient;
  /*
   * The name of an operation that takes the inputs, the outputs and what comes to the outputs
   * (zeros where nothing does), and gives what goes to each input. Its declared attributes are
   * those of the call.
   */
  const char *gradient_operation;
  void *user; /* given to every callback */
} vanda_operation;

/*
 * For this process, for good. Artifacts that hold calls of it load only where it is registered: its
 * kernel is code. An operation that is made of others needs no kernel and no registration; write a
 * function that appends them.
 */
VANDA_API vanda_status vanda_operation_register(const vanda_operation *operation);

#ifdef __cplusplus
}
#endif

#endif
