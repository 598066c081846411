/// What can be asked for.
enum Route: String, CaseIterable, Sendable {
  case metrics = "/metrics"
  case alive = "/livez"
  case ready = "/readyz"
  case status = "/status"
  case html = "/"

  /// The route of a path, a query left aside.
  init?(path: String) {
    self.init(rawValue: String(path.prefix { $0 != "?" }))
  }
}
