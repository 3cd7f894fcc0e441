// A visitor for std::visit made of lambdas, one for each alternative.
//
//   std::visit(Overloaded{[](const SetRoute&) {...}, [](const RemoveRoute&) {...}}, action);
#pragma once

namespace lastmile {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace lastmile
