/// How long a receiver that does not take alerts is left alone. Pure.
///
/// Exponential with full jitter, so that instances that lost one receiver together do not come back
/// together (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015). A receiver that says
/// itself when it wants to be asked again is believed, up to an hour.
struct AlertBackoff: Sendable {
  static let baseMillis = 1000
  static let capMillis = 300_000
  static let retryAfterSecondsMax = 3600

  /// Failures in a row.
  private(set) var failureCount = 0

  mutating func succeeded() { failureCount = 0 }

  /// Milliseconds to wait after another failure.
  /// - Parameters:
  ///   - jitter: drawn from 0 ..< 1.
  ///   - retryAfterSeconds: what the receiver asked for; 0 where it did not.
  mutating func failed(jitter: Double, retryAfterSeconds: Int = 0) -> Int {
    let ceiling = min(Self.capMillis, Self.baseMillis << min(failureCount, 20))
    failureCount += 1
    let asked = min(max(0, retryAfterSeconds), Self.retryAfterSecondsMax) * 1000
    return max(asked, Int(jitter * Double(ceiling)))
  }
}

extension AlertQueue.Verdict {
  /// What a status code says of a batch.
  ///
  /// Only what is about the alerts themselves refuses them (400, 413, 422 and their like). What is
  /// about the address or the credentials (redirections, 401, 403, 404, 405, 407) a person will
  /// mend: until then everything is kept.
  init(status: Int) {
    switch status {
    case 200...299: self = .accepted
    case 401, 403, 404, 405, 407, 408, 425, 429: self = .failed
    case 400...499: self = .refused
    default: self = .failed
    }
  }
}
