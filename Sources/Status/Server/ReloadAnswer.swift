import Base

/// What became of an order to read the configuration again.
package struct ReloadAnswer: Equatable, Sendable {
  /// One difference between the file that ran and the one that shall run.
  package struct Change: Equatable, Sendable {
    /// `log.level: info → debug`.
    package var text: String
    /// `live` or `reopen`: whether it took another session.
    package var effect: String

    package init(text: String, effect: String) {
      self.text = text
      self.effect = effect
    }
  }

  /// Whether the file was taken over, be it that nothing in it differs.
  package var isAccepted: Bool
  /// Whether all of it holds by now; false where it does in a moment.
  package var isInForce: Bool
  /// One line: what changed, or every reason.
  package var detail: String
  package var changes: [Change]
  /// Why it was refused; none where it was not.
  package var reasons: [String]

  package init(
    isAccepted: Bool, isInForce: Bool, detail: String, changes: [Change] = [],
    reasons: [String] = []
  ) {
    self.isAccepted = isAccepted
    self.isInForce = isInForce
    self.detail = detail
    self.changes = changes
    self.reasons = reasons
  }

  /// As it goes over the socket; docs/METRICS.md has its members.
  var document: JSONValue {
    [
      "accepted": .bool(isAccepted), "in_force": .bool(isInForce), "detail": .string(detail),
      "changes": .array(
        changes.map { ["change": .string($0.text), "effect": .string($0.effect)] }),
      "reasons": .array(reasons.map(JSONValue.string)),
    ]
  }

  /// What another process said; nil where that is no such answer.
  init?(document: JSONValue) {
    guard let isAccepted = document["accepted"]?.boolValue,
      let isInForce = document["in_force"]?.boolValue,
      let detail = document["detail"]?.stringValue
    else { return nil }
    self.isAccepted = isAccepted
    self.isInForce = isInForce
    self.detail = detail
    changes = (document["changes"]?.arrayValue ?? []).compactMap { change in
      guard let text = change["change"]?.stringValue, let effect = change["effect"]?.stringValue
      else { return nil }
      return Change(text: text, effect: effect)
    }
    reasons = (document["reasons"]?.arrayValue ?? []).compactMap(\.stringValue)
  }
}
