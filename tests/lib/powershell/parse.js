/*
 * What a grammar of PowerShell says of a file; it knows the grammar, not what the words do.
 *
 *   parse.js MODULES FILE             exit 0: all of it parses; 1: FILE:LINE:COLUMN of what does not
 *   parse.js MODULES FILE NAME...     then, for each call of a command NAME..., one line of JSON: [NAME, line, words of its first argument];
 *                                     a word is a text, or {"variable": "Name"}
 *   parse.js MODULES FILE --facts     what else the tests ask: {"commands": [every name called], "literals": [...], "help": bool,
 *                                     "strict": bool, "stop": bool}
 */
'use strict';
const path = require('path');
const fs = require('fs');
const { createRequire } = require('module');
const [modules, file, ...names] = process.argv.slice(2);
const { Parser, Language } = createRequire(path.join(modules, 'x'))('web-tree-sitter');

const isText = { verbatim_string_characters: 1, expandable_string_literal: 1 };

/* The words of an argument, in order: what is inside quotes, else a variable. */
function words(node, out) {
    if (isText[node.type]) out.push(node.text.slice(1, -1));
    else if (node.type === 'variable') out.push({ variable: node.text.slice(1) });
    else node.children.forEach((child) => words(child, out));
    return out;
}

function each(node, fn) {
    fn(node);
    node.children.forEach((child) => each(child, fn));
}

async function main() {
    await Parser.init();
    const parser = new Parser();
    parser.setLanguage(await Language.load(path.join(modules, 'tree-sitter-powershell', 'tree-sitter-powershell.wasm')));
    const text = fs.readFileSync(file, 'utf8');
    const root = parser.parse(text).rootNode;
    const faults = [];
    each(root, (node) => {
        if (node.isError || node.isMissing)
            faults.push(`${file}:${node.startPosition.row + 1}:${node.startPosition.column + 1}`);
    });
    faults.forEach((fault) => console.log(fault));
    if (faults.length > 0) process.exit(1);
    const called = [];
    each(root, (node) => {
        if (node.type !== 'command') return;
        const name = node.children.find((c) => c.type === 'command_name');
        if (!name) return;
        called.push(name.text);
        if (!names.includes(name.text)) return;
        const rest = node.children.find((c) => c.type === 'command_elements');
        const first = rest && rest.children.find((c) => c.type !== 'command_argument_sep' && c.type !== ' ');
        console.log(JSON.stringify([name.text, node.startPosition.row + 1, first ? words(first, []) : []]));
    });
    if (names[0] === '--facts')
        console.log(JSON.stringify({
            commands: [...new Set(called)].sort(),
            help: /^<#\s*\r?\n\.SYNOPSIS\r?\n/.test(text) && /\n\.DESCRIPTION\r?\n/.test(text),
            strict: /\nSet-StrictMode -Version 2\r?\n/.test(text),
            stop: /\n\$ErrorActionPreference = 'Stop'\r?\n/.test(text),
        }));
}
main();
