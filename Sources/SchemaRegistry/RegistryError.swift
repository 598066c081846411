internal import Base

/// Why a Schema Registry did not give what it was asked for. No text of it holds a password.
package struct RegistryError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  package enum Reason: Equatable, Sendable {
    /// No answer: refused, cut, too slow, a certificate that nobody vouches for.
    case noAnswer
    /// An answer that is none of a registry's: no JSON, members missing, too long.
    case garbled
    /// The registry answers that it has no such id, subject or version.
    case notFound
    /// User or password are wrong or missing (401, 403).
    case notAllowed
    /// Any other status, with its code: the registry is in trouble, or asks to wait.
    case status(Int)
  }

  private static let detailCountMax = 300

  package let reason: Reason
  /// The URL that was asked.
  package let url: String
  /// What was said, for a person: on one line, and no longer than that.
  package let detail: String

  package init(_ reason: Reason, url: String, detail: String) {
    self.reason = reason
    self.url = url
    // Some of it may be somebody else's text, on its way to our log.
    self.detail = PlainText.shown(detail, countMax: Self.detailCountMax)
  }

  package var description: String {
    switch reason {
    case .noAnswer: "no answer from \(url): \(detail)"
    case .garbled: "\(url) does not answer as a Schema Registry does: \(detail)"
    case .notFound: "not found at \(url): \(detail)"
    case .notAllowed: "\(url) wants another user or password: \(detail)"
    case .status(let code): "\(url) answers with status \(code): \(detail)"
    }
  }
}
