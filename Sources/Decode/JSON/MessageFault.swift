/// Why a JSON value is no message of a type: where in it, and what to write instead.
package struct MessageFault: Error, Equatable, Sendable {
  /// `samples[0].value`; empty for the whole message.
  package let path: String
  /// What is wrong: a sentence without its subject and full stop.
  package let problem: String
  package let suggestion: String?

  init(_ path: String, _ problem: String, suggestion: String? = nil) {
    self.path = path
    self.problem = problem
    self.suggestion = suggestion
  }
}
