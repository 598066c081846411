/// Why the demonstration cannot begin or go on, in a sentence.
struct DemoFault: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ sentence: String) { description = sentence }
}
