import HTTPTypes

/// What can be asked for, and what can be ordered.
enum Route: String, CaseIterable, Sendable {
  case metrics = "/metrics"
  case alive = "/livez"
  case ready = "/readyz"
  case status = "/status"
  case html = "/"
  /// One word follows: the anomaly's id.
  case anomaly = "/anomalies/"
  case tap = "/tap"
  case reload = "/reload"

  /// A route, and the word that follows its path; empty where none does.
  struct Match: Equatable, Sendable {
    let route: Route
    var word = ""
  }

  /// What a path leads to, whatever the surface.
  static func match(_ path: String) -> Match? {
    let path = path.prefix { $0 != "?" }
    if let route = Route(rawValue: String(path)) {
      return route.needsWord ? nil : Match(route: route)
    }
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return nil }
    let start = path[...slash]
    let word = path[path.index(after: slash)...]
    guard let route = Route(rawValue: String(start)), route.needsWord, !word.isEmpty else {
      return nil
    }
    return Match(route: route, word: String(word))
  }

  private var needsWord: Bool { self == .anomaly }

  /// Whether it stands on a surface. Orders, and the records themselves, never on an open one.
  func isOn(_ surface: Surface) -> Bool {
    switch self {
    case .metrics, .alive, .ready, .status, .html, .anomaly: true
    case .tap, .reload: surface == .admin
    }
  }

  /// Whether it tells no more than whether all is well, to whoever decides about the process.
  var isProbe: Bool { self == .alive || self == .ready }

  /// What may be done there.
  var methods: [HTTPRequest.Method] {
    switch self {
    case .reload: [.post]
    // A stream has no length to tell beforehand.
    case .tap: [.get]
    case .metrics, .alive, .ready, .status, .html, .anomaly: [.get, .head]
    }
  }
}
