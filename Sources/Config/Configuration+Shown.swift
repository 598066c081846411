package import Base

/// Where a value of the effective configuration is from.
enum ValueOrigin: Hashable, Sendable {
  case line(Int)
  /// A line of the file that names an environment variable.
  case environment(line: Int)

  var line: Int {
    switch self {
    case .line(let line), .environment(let line): line
    }
  }

  var text: String {
    switch self {
    case .line(let line): "line \(line)"
    case .environment(let line): "line \(line), environment"
    }
  }
}

extension Configuration {
  /// `effective` as JSON: numbers and booleans as such, measures as texts with their units. It
  /// reads back like `effective`, as JSON is YAML.
  package var effectiveJSON: JSONValue { effectiveNode.json }

  /// `effective` with a comment on every line that has a value: the line of the file it is from,
  /// the environment, or that it is the default.
  package var effectiveWithOrigins: String {
    var lines = effective.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    for place in effectiveNode.valuePlaces(under: "") {
      lines[place.line - 1] += "  # " + originText(of: place.path)
    }
    return lines.joined(separator: "\n")
  }

  private var effectiveNode: ConfigNode {
    do {
      var composer = YAMLComposer(try DocumentText(bytes: Array(effective.utf8)))
      guard let node = try composer.compose() else {
        preconditionFailure("the effective configuration is never empty")
      }
      return node
    } catch {
      preconditionFailure("the effective configuration is YAML of ours: \(error)")
    }
  }

  /// A value is looked for where the file has it, then in a short form above it (an attribute as a
  /// text), then in a longer one below it (a list), then where it is inherited from.
  private func originText(of path: String) -> String {
    let origins = places.origins
    if let origin = origins[path] ?? Self.above(path, origins) { return origin.text }
    if path.hasSuffix(".above") || path.hasSuffix(".below"),
      let origin = origins[path.dropLast(".above".count) + ".outside[0]"]
    {
      return origin.text
    }
    let below = origins.filter { $0.key.hasPrefix(path + ".") || $0.key.hasPrefix(path + "[") }
    if let first = below.values.min(by: { $0.line < $1.line }) { return first.text }
    let parts = path.split(separator: "].event_time.")
    if parts.count == 2, let origin = origins["event_time.\(parts[1])"] {
      return "event_time, " + origin.text
    }
    // An empty list or mapping.
    return places.positions[path].map { "line \($0.key.line)" } ?? "default"
  }

  /// The origin of the nearest part of the path that is a single value in the file.
  private static func above(
    _ path: String, _ origins: [String: ValueOrigin]
  ) -> ValueOrigin? {
    var rest = path[...]
    while let cut = rest.lastIndex(where: { $0 == "." || $0 == "[" }) {
      rest = rest[..<cut]
      if let origin = origins[String(rest)] { return origin }
    }
    return nil
  }
}

extension ConfigNode {
  /// The key paths that have a value of their own (single, a list of such, or empty) and the lines
  /// of their keys.
  fileprivate func valuePlaces(under path: String) -> [(path: String, line: Int)] {
    switch content {
    case .mapping(let entries):
      entries.flatMap { entry in
        let inner = path.isEmpty ? entry.key : "\(path).\(entry.key)"
        return entry.value.isValue
          ? [(inner, entry.keyPosition.line)] : entry.value.valuePlaces(under: inner)
      }
    case .list(let items):
      items.enumerated().flatMap { $0.element.valuePlaces(under: "\(path)[\($0.offset)]") }
    case .scalar, .faulty: []
    }
  }

  private var isValue: Bool {
    switch content {
    case .scalar, .faulty: true
    case .list(let items):
      items.allSatisfy { if case .scalar = $0.content { true } else { false } }
    case .mapping(let entries): entries.isEmpty
    }
  }

  fileprivate var json: JSONValue {
    switch content {
    case .mapping(let entries):
      .object(entries.map { JSONMember($0.key, $0.value.json) })
    case .list(let items): .array(items.map(\.json))
    case .scalar(let scalar): scalar.json
    case .faulty: .null
    }
  }
}

extension ConfigScalar {
  fileprivate var json: JSONValue {
    if isQuoted { return .string(text) }
    // `1h`, `none` and dates are no JSON; numbers and booleans are.
    return (try? JSONValue(parsing: text)) ?? .string(text)
  }
}
