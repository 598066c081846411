import ArgumentParser
import Base
import Pipeline

/// `downlinkd dead-letters list`: dead letters in numbers.
struct DeadLettersListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Count dead letters by reason, source and partition.",
    discussion: """
      Reads the tables only; nothing is changed and no broker is asked. Times are Kafka's.

      Exit codes: 0 done, 69 the tables cannot be read, 78 the configuration does not fit.
      """)

  @OptionGroup var choice: DeadLetterChoice

  @Flag(name: .long, help: "Count only letters that came back.")
  var replayed = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let store = try choice.store()
    let summary = try choice.attempt("list") {
      try store.summary(choice.filter, onlyReplayed: replayed)
    }
    let document = DeadLetterDocument(summary)
    print(json ? document.json.text + "\n" : document.text, terminator: "")
  }
}

/// `downlinkd dead-letters show`: dead letters one by one, with their bytes.
struct DeadLettersShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show dead letters with their bytes.",
    discussion: """
      The oldest date first. Keys and payloads are hexadecimal and cut to --bytes; with --json \
      they are whole, one object a line.

      Exit codes: 0 done, 69 the tables cannot be read, 78 the configuration does not fit.
      """)

  @OptionGroup var choice: DeadLetterChoice

  @Option(name: .long, help: "Show at most so many.")
  var limit = 10

  @Option(name: .long, help: "Show at most so many bytes of a key or payload.")
  var bytes = 256

  @Flag(name: .long, help: "Show letters that came back instead of those that wait.")
  var replayed = false

  @Flag(name: .long, help: "Print JSON, one object a line.")
  var json = false

  func validate() throws {
    if !(1...1_000_000).contains(limit) {
      throw ValidationError("--limit must be from 1 to 1000000")
    }
    if bytes < 0 { throw ValidationError("--bytes must not be negative") }
  }

  func run() throws {
    let store = try choice.store()
    // With their bytes letters take room: they are printed as they are found.
    let count = try choice.attempt("show") {
      try store.visitLetters(choice.filter, replayed: replayed, limit: limit) { letter in
        let text = DeadLetterText(letter)
        print(json ? text.json.text + "\n" : text.text(byteCountMax: bytes), terminator: "")
      }
    }
    if count == 0, !json { print("no such dead letter") }
  }
}
