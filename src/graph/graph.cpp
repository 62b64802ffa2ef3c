#include "quench/graph.h"

#include <map>
#include <set>
#include <utility>

#include "graph/node.h"
#include "graph/op.h"
#include "quench/error.h"

namespace quench {

namespace {

// Small enough that bytes of any batch fit in 64 bits.
constexpr std::int64_t max_elements = std::int64_t{1} << 32;

}  // namespace

void check_shape(const Shape& shape, const std::string& what) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 1) {
      throw Error(what + ": shape " + to_string(shape) + " has extent " + std::to_string(extent) +
                  ", expected at least 1");
    }
    if (extent > max_elements / count) {
      throw Error(what + ": shape " + to_string(shape) + " has too many elements, expected at most 2^32");
    }
    count *= extent;
  }
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

std::string describe(const Node& node, std::size_t id) {
  switch (node.kind) {
    case Node::Kind::input:
      return "input '" + node.name + "'";
    case Node::Kind::parameter:
      return "parameter '" + node.name + "'";
    case Node::Kind::computed:
      break;
  }
  return std::string(node.op->name) + " " + std::to_string(id);
}

const Shape& Tensor::shape() const { return graph_->nodes()[static_cast<std::size_t>(id_)].shape; }

bool Tensor::per_example() const { return graph_->nodes()[static_cast<std::size_t>(id_)].per_example; }

struct Graph::State {
  std::deque<Node> nodes;
  std::set<std::string, std::less<>> parameter_names;
  std::set<std::string, std::less<>> layer_names;  // parameter names up to their last dot
  std::map<std::string, int, std::less<>> numbered;
};

Graph::Graph() : state_(std::make_unique<State>()) {}
Graph::~Graph() = default;

Tensor Graph::input(Shape shape, std::string name) {
  Node node;
  node.kind = Node::Kind::input;
  node.shape = std::move(shape);
  node.per_example = true;
  node.name = std::move(name);
  return append(std::move(node));
}

Tensor Graph::parameter(Shape shape, std::string name, Init init) {
  check_parameter_name(name);
  if (init == Init::xavier_uniform && shape.size() < 2) {
    throw Error("parameter '" + name + "': shape " + to_string(shape) +
                ", expected at least two dimensions for Xavier's initialisation");
  }
  Node node;
  node.kind = Node::Kind::parameter;
  node.shape = std::move(shape);
  node.name = name;
  node.init = init;
  const Tensor tensor = append(std::move(node));
  if (const std::size_t dot = name.rfind('.'); dot != std::string::npos) {
    state_->layer_names.insert(name.substr(0, dot));
  }
  state_->parameter_names.insert(std::move(name));
  return tensor;
}

std::size_t Graph::size() const { return state_->nodes.size(); }

const std::deque<Node>& Graph::nodes() const { return state_->nodes; }

Tensor Graph::tensor(std::size_t id) {
  if (id >= state_->nodes.size()) {
    throw Error("graph: no node " + std::to_string(id) + ", expected below " +
                std::to_string(state_->nodes.size()));
  }
  return Tensor(this, static_cast<int>(id));
}

Tensor Graph::append(Node node) {
  const std::size_t id = state_->nodes.size();
  check_shape(node.shape, describe(node, id));
  state_->nodes.push_back(std::move(node));
  return Tensor(this, static_cast<int>(id));
}

void Graph::check_parameter_name(std::string_view name) const {
  if (state_->parameter_names.contains(name))
    throw Error("parameter '" + std::string(name) + "': the name is taken");
}

std::string Graph::next_name(std::string_view stem) {
  int& number = state_->numbered[std::string(stem)];
  std::string name;
  do {
    name = std::string(stem) + std::to_string(++number);
  } while (state_->layer_names.contains(name));
  return name;
}

}  // namespace quench
