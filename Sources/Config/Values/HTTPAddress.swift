/// Addresses of peers that are asked over HTTP.
enum HTTPAddress {
  /// Whether what goes there can be read by anybody on the way.
  static func isInClear(_ url: String) -> Bool {
    guard url.hasPrefix("http://") else { return false }
    var host = url.dropFirst("http://".count).prefix { $0 != "/" }
    if host.hasPrefix("[") {
      host = host.dropFirst().prefix { $0 != "]" }
    } else {
      host = host.prefix { $0 != ":" }
    }
    return !Endpoint(host: host.lowercased(), port: 0).isLoopback
  }

  /// Why a text is no such address, as a predicate; nil where it is one. Says nothing of the text:
  /// it may be a secret.
  static func fault(_ url: String) -> ValueFault? {
    let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, ["http", "https"].contains(parts[0]),
      let host = parts[1].split(separator: "/", omittingEmptySubsequences: false).first,
      !host.isEmpty,
      url.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") })
    else {
      return ValueFault(
        "is not a URL such as https://alerts.example.net:9093",
        suggestion: parts.count < 2 ? "begin it with https://" : nil)
    }
    if host.contains("@") {
      return ValueFault(
        "holds a user name or password", suggestion: "write them as `basic_auth`")
    }
    return url.contains("#") ? ValueFault("has a fragment, which is never sent") : nil
  }
}
