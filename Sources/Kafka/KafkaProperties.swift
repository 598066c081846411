internal import CRdkafka

/// What is wrong with one configured librdkafka property, or with their combination.
package struct KafkaPropertyFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The property; nil where the fault lies in how several fit together.
  package let name: String?
  /// What is wrong and what to do, without the value (it may be a secret).
  package let reason: String

  package var description: String { name.map { "\($0): \(reason)" } ?? reason }
}

/// Checks librdkafka properties from the configuration, for `check` and for the start alike.
///
/// Any property of the linked library may be set, except those this program owns because its
/// guarantees rest on them (`OwnedProperty`): those are refused with the reason.
package enum KafkaProperties {
  /// Which kind of client the properties are for.
  package enum Role: Sendable { case consumer, producer }

  /// Every fault at once, in the order of the properties; empty if all is well.
  ///
  /// Opens no connection, but reads the certificate and key files that the properties name.
  /// Cost: a few milliseconds, because the last check starts a client and stops it again.
  package static func faults(
    in properties: [(String, String)], role: Role
  ) -> [KafkaPropertyFault] {
    var faults: [KafkaPropertyFault] = []
    let scratch = ConfHandle()
    if role == .consumer {
      // What the user's properties will meet; these never fail by themselves.
      for (name, value) in KafkaConsumer.defaults(besides: properties) {
        _ = scratch.set(name, value)
      }
    }
    var seen: Set<String> = []
    for (name, value) in properties {
      if !seen.insert(name).inserted {
        faults.append(KafkaPropertyFault(name: name, reason: "is set twice; keep one"))
      } else if let reason = OwnedProperty.reason(name, role: role) {
        faults.append(
          KafkaPropertyFault(name: name, reason: "is not yours to set: \(reason)"))
      } else if let message = scratch.set(name, value) {
        // The library repeats the value in its sentence: not for a secret.
        let reason = isSecret(name) ? "is not accepted by librdkafka" : message
        faults.append(KafkaPropertyFault(name: name, reason: reason))
      }
    }
    if faults.isEmpty, let fault = combinationFault(scratch, role: role) { faults.append(fault) }
    return faults
  }

  /// What only starting a client shows: properties that contradict each other, files not there.
  private static func combinationFault(
    _ conf: consuming ConfHandle, role: Role
  ) -> KafkaPropertyFault? {
    do {
      // A group, because the library checks the consumer's time-outs only for members of one.
      if role == .consumer, let message = conf.set("group.id", "check") {
        return KafkaPropertyFault(name: "group.id", reason: message)
      }
      let type = role == .consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER
      _ = try ClientHandle(conf, type, log: { _, _, _ in })
      return nil
    } catch {
      return KafkaPropertyFault(name: nil, reason: error.detail)
    }
  }

  /// Whether a property's value must never be shown: passwords, private keys, tokens.
  package static func isSecret(_ name: String) -> Bool {
    ["password", "secret", "ssl.key.pem", "oauthbearer.config"].contains { name.contains($0) }
  }
}

extension String {
  /// Whether `other` occurs in the string, byte for byte.
  fileprivate func contains(_ other: String) -> Bool {
    let bytes = Array(utf8)
    let wanted = Array(other.utf8)
    guard bytes.count >= wanted.count else { return false }
    return (0...bytes.count - wanted.count).contains {
      bytes[$0..<$0 + wanted.count].elementsEqual(wanted)
    }
  }
}
