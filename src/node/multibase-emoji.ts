const TABLE =
  '🚀🪐☄🛰🌌🌑🌒🌓🌔🌕🌖🌗🌘🌍🌏🌎🐉☀💻🖥💾💿😂❤😍🤣😊🙏💕😭😘👍' +
  '😅👏😁🔥🥰💔💖💙😢🤔😆🙄💪😉☺👌🤗💜😔😎😇🌹🤦🎉💞✌✨🤷😱😌🌸🙌' +
  '😋💗💚😏💛🙂💓🤩😄😀🖤😃💯🙈👇🎶😒🤭❣😜💋👀😪😑💥🙋😞😩😡🤪👊🥳' +
  '😥🤤👉💃😳✋😚😝😴🌟😬🙃🍀🌷😻😓⭐✅🥺🌈😈🤘💦✔😣🏃💐☹🎊💘😠☝' +
  '😕🌺🎂🌻😐🖕💝🙊😹🗣💫💀👑🎵🤞😛🔴😤🌼😫⚽🤙☕🏆🤫👈😮🙆🍻🍃🐶💁' +
  '😲🌿🧡🎁⚡🌞🎈❌✊👋😰🤨😶🤝🚶💰🍓💢🤟🙁🚨💨🤬✈🎀🍺🤓😙💟🌱😖👶' +
  '🥴▶➡❓💎💸⬇😨🌚🦋😷🕺⚠🙅😟😵👎🤲🤠🤧📌🔵💅🧐🐾🍒😗🤑🌊🤯🐷☎' +
  '💧😯💆👆🎤🙇🍑❄🌴💣🐸💌📍🥀🤢👅💡💩👐📸👻🤐🤮🎼🥵🚩🍎🍊👼💍📣🥂'

/** Returns bytes as base256emoji, without a multibase prefix. */
export function encodeEmoji(bytes: Uint8Array): string {
  const alphabet = [...TABLE]
  let text = ''
  for (const byte of bytes) text += alphabet[byte]
  return text
}

/** Returns the bytes of a base256emoji text without its multibase prefix. */
export function decodeEmoji(text: string): Uint8Array {
  const values = new Map([...TABLE].map((emoji, at) => [emoji, at]))
  const characters = [...text]
  const bytes = new Uint8Array(characters.length)
  for (const [at, character] of characters.entries()) {
    const value = values.get(character)
    if (value === undefined) {
      const offset = Buffer.byteLength(characters.slice(0, at).join(''))
      throw new Error(`illegal base256emoji data at input byte ${offset}, char: '${character}'`)
    }
    bytes[at] = value
  }
  return bytes
}
