/// How one peer is asked over HTTP.
package struct HTTPOptions: Sendable, CustomReflectable {
  /// Who we say we are.
  package enum Credentials: Sendable {
    case none
    /// HTTP's basic authentication (RFC 7617).
    case basic(user: String, password: String)
    /// A token (RFC 6750).
    case bearer(String)
  }

  /// What becomes of an answer that is longer than `answerByteCountMax`.
  package enum LongAnswer: Sendable {
    /// The request fails: half an answer is none.
    case refused
    /// Its beginning is kept: only the status matters.
    case cut
  }

  /// Milliseconds one request may take, connecting included.
  package var timeoutMillis: Int
  package var credentials = Credentials.none
  /// A file of certificates (PEM) that vouch for the peer; nil for the system's.
  package var authorityFile: String?
  /// Lines that go with every request: `Accept: application/json`. No secrets.
  package var headers: [String] = []
  /// Bytes an answer's body may have.
  package var answerByteCountMax: Int
  package var longAnswer = LongAnswer.refused

  package init(timeoutMillis: Int, answerByteCountMax: Int) {
    self.timeoutMillis = timeoutMillis
    self.answerByteCountMax = answerByteCountMax
  }

  /// Nobody prints a password by accident.
  package var customMirror: Mirror { Mirror(self, children: ["timeoutMillis": timeoutMillis]) }
}
