import Base
import Decode
import Logging

/// Lanes that wait for what a schema id means.
extension Session {
  /// Tells the status which lanes wait now, and since when. Done by the control thread alone, from
  /// what the board says at one moment: lanes that told it themselves could undo each other's word.
  func tendSchemaWaits() {
    let awaited = board.update { $0.progress.map(\.awaitedSchema) }
    let isAwaiting = awaited.contains { $0 != nil }
    guard isAwaiting || awaitsSchema else { return }
    awaitsSchema = isAwaiting
    status.note(
      awaitedSchemas: awaited, trouble: isAwaiting ? options.schemas?.account.trouble : nil)
    for schema in awaited {
      guard let schema, schema.isDenied, deniedSchemas.insert(schema.id).inserted else { continue }
      log.error("waiting for \(schema.sentence)")
    }
  }
}

extension AwaitedSchema {
  /// For people: what is waited for, and what they can do about it.
  var sentence: String {
    if !isDenied { return "schema \(id)" }
    return "schema \(id): \(topicPartition) offset \(offset) was read with it and is read again to "
      + "rebuild state, and the registry does not have it any more; put it back under its id "
      + "(docs/OPERATING.md, \"A schema was deleted\")"
  }
}
