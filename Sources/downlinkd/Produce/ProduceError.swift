import Kafka

/// Why `produce` cannot begin or go on. Bad rows of a file are counted, never thrown.
enum ProduceError: Error, CustomStringConvertible {
  /// The command line does not fit the input: exit code 64.
  case usage(String)
  /// A file, or the tool that unpacks it, failed.
  case input(file: String, reason: String)
  case kafka(KafkaError)
  /// The record log cannot be written, or cannot be proven true.
  case recordLog(String)

  var description: String {
    switch self {
    case .usage(let sentence): sentence
    case .input(let file, let reason): "\(file): \(reason)"
    case .kafka(let error): "\(error)"
    case .recordLog(let sentence): "record log: \(sentence)"
    }
  }
}
