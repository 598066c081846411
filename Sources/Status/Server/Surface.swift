/// Who stands before a server.
enum Surface: Sendable {
  /// Whoever reaches a port: questions only.
  case open
  /// Whoever may write to a socket of this machine: questions and orders.
  case admin
}
