/// The pages there are.
enum Route: String, CaseIterable, Sendable {
  case metrics = "/metrics"
  case alive = "/livez"
  case ready = "/readyz"
  case status = "/status"
  case page = "/"

  /// The route of a path, a query left aside.
  init?(path: String) {
    self.init(rawValue: String(path.prefix { $0 != "?" }))
  }
}
