"""Redshift's reserved words: usable as names only in double quotation marks.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html
"""

from __future__ import annotations

# Words of COPY, CREATE TABLE and administration, which have no meaning in a query: a query uses them as names only.
_NAMES_ONLY = """
    aes128 aes256 allowoverwrite az64 backup blanksasnull bytedict bzip2 credentials deflate defrag delta delta32k
    disable emptyasnull enable encode encrypt encryption explicit globaldict256 globaldict64k gzip identity lun luns
    lzo lzop mostly16 mostly32 mostly8 new off offline old open parallel percent permissions raw readratio recover
    rejectlog resort restore snapshot system tag tdes text255 text32k truncatecolumns wallet
"""
_OTHERS = """
    all analyse analyze and any array as asc authorization between binary both case cast check collate column
    constraint create cross current_date current_time current_timestamp current_user current_user_id default
    deferrable desc distinct do else end except false for foreign freeze from full grant group having ignore ilike
    in initially inner intersect interval into is isnull join leading left like limit localtime localtimestamp minus
    natural not notnull null nulls offset oid on only or order outer overlaps partition pivot placing primary
    references respect right select session_user similar some sysdate table then timestamp to top trailing true
    union unique unnest unpivot user using verbose when where with without
"""
NAMES_ONLY = frozenset(_NAMES_ONLY.split())
RESERVED = NAMES_ONLY | frozenset(_OTHERS.split())
# In a query each of these is a keyword only before this word.
BEFORE = {"ignore": "nulls", "respect": "nulls", "partition": "by"}
