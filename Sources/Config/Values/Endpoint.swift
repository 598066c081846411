/// A host and a port, as in `127.0.0.1:9479` or `[::1]:9479`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// A name or address, without brackets.
  package let host: String
  package let port: UInt16

  package init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Whether only this machine reaches it: `localhost`, 127.0.0.0/8, ::1.
  package var isLoopback: Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  package var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}

extension Format where Value == Endpoint? {
  /// `host:port`; port 0 asks the system for a free one. nil for the word `none`.
  static var endpointOrNone: Format<Endpoint?> {
    let expected = "an address such as 127.0.0.1:9479, or none"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      if scalar.text == "none" { return nil }
      guard let parts = HostPort(scalar.text) else {
        throw ValueFault(
          "is not \(expected)",
          suggestion: HostPort.schemeHint(scalar.text) ?? HostPort.hostHint(scalar.text))
      }
      guard let port = parts.port else {
        throw ValueFault("has no port; expected \(expected)")
      }
      return Endpoint(host: parts.host, port: port)
    }
  }
}

extension Format where Value == String {
  /// `host:port` or `host` (Kafka's port 9092), as written.
  static var broker: Format<String> {
    let expected = "host:port such as kafka-1.example.net:9092"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      guard let parts = HostPort(scalar.text), parts.port != 0 else {
        throw ValueFault("is not \(expected)", suggestion: HostPort.schemeHint(scalar.text))
      }
      return scalar.text
    }
  }
}

/// `host`, `host:port`, `[address]:port` taken apart.
private struct HostPort {
  let host: String
  let port: UInt16?

  init?(_ text: String) {
    let hostText: Substring
    var rest: Substring
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      hostText = text[text.index(after: text.startIndex)..<end]
      rest = text[text.index(after: end)...]
      let isAddress = hostText.utf8.allSatisfy {
        NameRule.isWordByte($0) || ":.%".utf8.contains($0)
      }
      guard isAddress, hostText.contains(":") else { return nil }
    } else {
      hostText = text.prefix { $0 != ":" }
      rest = text.dropFirst(hostText.count)
      let isName = hostText.utf8.allSatisfy { NameRule.isWordByte($0) || "-.".utf8.contains($0) }
      guard isName else { return nil }
    }
    guard !hostText.isEmpty else { return nil }
    host = String(hostText)
    if rest.isEmpty {
      port = nil
    } else {
      guard rest.removeFirst() == ":", rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = UInt16(rest)
      else { return nil }
      port = number
    }
  }

  /// `:9479` and `*:9479`, as other programs write all addresses of a machine.
  static func hostHint(_ text: String) -> String? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].isEmpty || parts[0] == "*", UInt16(parts[1]) != nil else {
      return nil
    }
    return "write 127.0.0.1:\(parts[1]) for this machine only, 0.0.0.0:\(parts[1]) for all"
  }

  static func schemeHint(_ text: String) -> String? {
    text.contains("://") ? "leave out what comes before `://`" : nil
  }
}
